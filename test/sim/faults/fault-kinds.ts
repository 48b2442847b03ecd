/** Faults that may strike each time that something happens, with the probability of that at full strength. */
export const occasions = {
  /** What was published to a socket never leaves it, and nobody is told. */
  "push-lost": 0.1,
  /** The device's connection is refused. */
  "connect-refused": 0.3,
  /** A device's acks of one connection never leave it. */
  "acks-swallowed": 0.3,
  /** A device says of one connection's conversations, and of others, what is not so. */
  "acks-absurd": 0.2,
  /** The app has no token for its device at the moment. */
  "token-failed": 0.3,
  /** The app hands out a token that has expired. */
  "token-expired": 0.2,
  /** The device's process dies before it has stored what a step asks for. */
  "device-crash-before-writes": 0.03,
  /** It dies after it has stored that, and before it has done all that the step asks for. */
  "device-crash-between-actions": 0.02,
  "request-lost": 0.08,
  /** The service has done what it was asked for. */
  "answer-lost": 0.08,
  "call-slow": 0.1,
  /** The services process dies with a call half done. */
  "service-crash-in-call": 0.01,
  "entry-lost": 0.15,
  "entry-late": 0.15,
  "entry-doubled": 0.15,
  "fabric-failed": 0.1,
  "fabric-slow": 0.1,
  /** An operation of the fabric fails, and takes up to 30 s for it. */
  "fabric-hung": 0.02,
} as const;

/** Faults that strike at random times, with the mean time between two at full strength, in milliseconds. */
export const incidents = {
  /** A connection breaks; both ends notice. */
  cut: 3_000,
  /** One direction of a connection, or both, falls silent for good; nobody is told. */
  "half-open": 10_000,
  /** A connection carries nothing for 0.1 to 8 s. */
  stall: 4_000,
  /** A device reads slowly for a while. */
  "slow-reader": 6_000,
  "device-crash": 5_000,
  "device-pause": 15_000,
  /** A device is brought back to an older state of its storage. */
  "device-rollback": 12_000,
  "gateway-crash": 12_000,
  /** SIGTERM, then a new process. */
  "gateway-drain": 15_000,
  "gateway-pause": 15_000,
  "service-crash": 10_000,
  "service-pause": 15_000,
  "store-crash": 15_000,
  /** The store is brought back to an older state, under another store_id. */
  "store-restore": 40_000,
  /** A gateway cannot reach any services for a while. */
  "services-cut": 12_000,
  /** A process cannot reach the fabric for a while. */
  "fabric-cut": 12_000,
  /** The fabric loses all that it holds. */
  "fabric-flush": 15_000,
  /** A wall clock jumps by up to 2 s. */
  "wall-step": 10_000,
} as const;

/** Faults of the store model, with their probability at full strength. */
export const storeFaults = {
  slowFlush: 0.1,
  heldLock: 0.05,
  lostConnection: 0.05,
  refusal: 0.02,
  poison: 0.05,
} as const;

export type Occasion = keyof typeof occasions;
export type Incident = keyof typeof incidents;
export type StoreFault = keyof typeof storeFaults;
export type FaultKind = Occasion | Incident | StoreFault;

export const faultKinds = [
  ...Object.keys(occasions),
  ...Object.keys(incidents),
  ...Object.keys(storeFaults),
] as FaultKind[];

/** How strong each fault is, from 0 (or left out) to 1. */
export type FaultMix = Partial<Record<FaultKind, number>>;
