/** How often each fault strikes, from 0 to 1. Whoever runs the world changes it as it goes. */
export type StoreFaults = {
  /** A commit takes up to three seconds to reach the disk. Its locks are held meanwhile. */
  slowFlush: number;
  /** Somebody else holds a row that a transaction wants, for 0.1 to 5 s. */
  heldLock: number;
  /** A connection breaks under a transaction, before or after its commit; its caller cannot tell which. */
  lostConnection: number;
  /** From this statement on all are refused, for up to two seconds. */
  refusal: number;
  /** A message is one on which the database fails each time, and not because of the moment. */
  poison: number;
};

export const noStoreFaults: Readonly<StoreFaults> = {
  slowFlush: 0,
  heldLock: 0,
  lostConnection: 0,
  refusal: 0,
  poison: 0,
};

/** What has happened in a store, by name: each fault, and what follows from some. */
export type StoreCounts = Record<
  | keyof StoreFaults
  | "crash"
  | "restore"
  | "lockTimeout"
  | "statementTimeout"
  /** A transaction that a crash took back. */
  | "lostCommit"
  /** A transaction that a crash left in place though nobody had heard of it. */
  | "unheardCommit"
  /** A transaction id that was given out twice, because a crash had lost its first use. */
  | "reusedTransactionId",
  number
>;

export function noStoreCounts(): StoreCounts {
  const ofFaults = { slowFlush: 0, heldLock: 0, lostConnection: 0, refusal: 0, poison: 0 };
  const ofOthers = { crash: 0, restore: 0, lockTimeout: 0, statementTimeout: 0 };
  return { ...ofFaults, ...ofOthers, lostCommit: 0, unheardCommit: 0, reusedTransactionId: 0 };
}

/** A failure as the driver throws it: `isTransient` judges by the code. */
function storeFailure(code: string, message: string): Error & { code: string } {
  return Object.assign(new Error(message), { code });
}

export const failures = {
  lockTimeout: () => storeFailure("55P03", "canceling statement due to lock timeout"),
  statementTimeout: () => storeFailure("57014", "canceling statement due to statement timeout"),
  connectionClosed: () => storeFailure("CONNECTION_CLOSED", "the connection was closed"),
  refused: () => storeFailure("53300", "sorry, too many clients already"),
  down: () => storeFailure("ECONNREFUSED", "connect ECONNREFUSED"),
  poisoned: () => storeFailure("XX001", "a row that the database cannot store"),
};
