/**
 * What gateways and services share: who is reachable where, and the way there. Nothing in it is the truth; all of it
 * can be lost and is rebuilt from the store and from the gateways. It carries bytes and does not know what they mean.
 */
export interface Fabric extends AsyncDisposable {
  readonly streams: DeliveryStreams;
  readonly routes: Routes;
  readonly gateways: GatewayDirectory;
  readonly limits: RateLimits;
  readonly leases: Leases;
  readonly marks: RisingMarks;
}

/** What services need of it to bring entries to gateways. */
export type PublishingFabric = Readonly<{
  streams: Pick<DeliveryStreams, "publish">;
  routes: Pick<Routes, "gatewaysOf" | "gatewaysWanting">;
}>;

/** Names a gateway process. Made anew at each start. */
export type GatewayId = string;

/** One ordered stream of entries to each gateway. */
export interface DeliveryStreams {
  /** Appends an entry to a gateway's stream. Entries of one publisher arrive in order. */
  publish(gateway: GatewayId, payload: Uint8Array): Promise<void>;
  /** Consumes a gateway's stream from now on. One consumer a gateway; a second one throws. */
  consume(gateway: GatewayId, onEntry: (entry: StreamEntry) => void): Promise<AsyncDisposable>;
}

/** Numbers rise by one within a stream; a gap or another stream name says that entries were lost. */
export type StreamEntry = Readonly<{ stream: string; number: bigint; payload: Uint8Array }>;

/**
 * Which gateways serve a user's sessions, and which want a conversation's messages. Entries are leases: they go away
 * unless they are renewed, so that a gateway which died leaves nothing behind.
 */
export interface Routes {
  /** Adds or renews the route of one session for `ttlMs`. `epoch` only rises within a device; a lower one changes nothing. */
  attach(route: Route, ttlMs: number): Promise<LeaseState>;
  /** Removes a session's route if it still has this epoch and gateway. */
  detach(route: Route): Promise<void>;
  /** The gateways that have a session of at least one of these users, each with those users. */
  gatewaysOf(userIds: readonly bigint[]): Promise<Map<GatewayId, bigint[]>>;
  /** Adds or renews a gateway's interest in a conversation for `ttlMs`. */
  want(gateway: GatewayId, conversationId: bigint, ttlMs: number): Promise<LeaseState>;
  /** Ends a gateway's interest in a conversation. */
  unwant(gateway: GatewayId, conversationId: bigint): Promise<void>;
  /** The gateways that want this conversation. */
  gatewaysWanting(conversationId: bigint): Promise<GatewayId[]>;
}

/** `begun`: until now nobody could know of it, because it is new, has expired, or was lost. */
export type LeaseState = "begun" | "renewed";

export type Route = Readonly<{ userId: bigint; device: number; epoch: bigint; gateway: GatewayId }>;

/** The gateways that are up. */
export interface GatewayDirectory {
  /** Adds or renews a gateway for `ttlMs`. */
  announce(gateway: GatewayInfo, ttlMs: number): Promise<void>;
  withdraw(gateway: GatewayId): Promise<void>;
  /** The least loaded first. */
  list(): Promise<GatewayInfo[]>;
}

export type GatewayInfo = Readonly<{
  id: GatewayId;
  /** Its public WebSocket URL, or empty. */
  address: string;
  connections: number;
}>;

/** Shared rate limits (GCRA). */
export interface RateLimits {
  /** Takes one from the bucket named `key`, or says how long to wait for one. */
  take(key: string, rate: Rate): Promise<RateVerdict>;
}

export type Rate = Readonly<{
  /** How many may come at once. */
  burst: number;
  /** How long it takes to win one back, in milliseconds. */
  refillMs: number;
}>;

export type RateVerdict = { kind: "allowed" } | { kind: "limited"; retryAfterMs: number };

/** Leases by which one process among many is the only one to run a task. */
export interface Leases {
  /** Takes or renews the lease `name` for `ttlMs`; false while another owner holds it. */
  acquire(name: string, owner: string, ttlMs: number): Promise<boolean>;
  /** Gives the lease back if `owner` still holds it. */
  release(name: string, owner: string): Promise<void>;
}

/**
 * Numbers that only rise, gathered here and written to the store in batches. What is lost with the fabric is raised again by
 * those who raised it first.
 */
export interface RisingMarks {
  /** Raises marks; a lower value changes nothing. */
  raise(marks: readonly RisingMark[]): Promise<void>;
  /** Marks that were raised and not settled since, those that wait longest first. Takes nothing away. */
  unsettled(limit: number): Promise<RisingMark[]>;
  /** These values are written: marks that were not raised further meanwhile are forgotten. */
  settle(marks: readonly RisingMark[]): Promise<void>;
}

export type RisingMark = Readonly<{ userId: bigint; conversationId: bigint; seq: bigint }>;
