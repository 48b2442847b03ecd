import type { Clock } from "../../../runtime/clock.js";

/** The lock of one row: one holder, and who waits for it, first come first served. */
export type RowLock = { holder: LockOwner | undefined; waiting: Waiter[] };

/** Whoever takes locks: a transaction. */
export type LockOwner = { readonly held: RowLock[] };

type Waiter = { owner: LockOwner; timer: Disposable; grant: () => void; fail: (error: Error) => void };

export function createRowLock(): RowLock {
  return { holder: undefined, waiting: [] };
}

/** Takes a lock that is free, or the owner's already. False if somebody else has it. */
export function tryLock(lock: RowLock, owner: LockOwner): boolean {
  if (lock.holder === owner) return true;
  if (lock.holder !== undefined) return false;
  hold(lock, owner);
  return true;
}

/** Waits for a lock that somebody else has. Rejects with what `giveUp` makes if that takes `patienceMs`. */
export function waitForLock(
  lock: RowLock,
  owner: LockOwner,
  wait: { clock: Clock; patienceMs: number; giveUp: () => Error },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = wait.clock.after(wait.patienceMs, () => {
      lock.waiting.splice(lock.waiting.indexOf(waiter), 1);
      reject(wait.giveUp());
    });
    const waiter: Waiter = { owner, timer, grant: resolve, fail: reject };
    lock.waiting.push(waiter);
  });
}

/** Releases all that an owner holds; each lock goes to whoever has waited longest. */
export function releaseAll(owner: LockOwner): void {
  for (const lock of owner.held) {
    lock.holder = undefined;
    const next = lock.waiting.shift();
    if (next === undefined) continue;
    next.timer[Symbol.dispose]();
    hold(lock, next.owner);
    next.grant();
  }
  owner.held.length = 0;
}

/** Whoever waits for a lock of this owner fails: the store is gone. */
export function failWaiting(owner: LockOwner, error: () => Error): void {
  for (const lock of owner.held) {
    for (const { timer, fail } of lock.waiting.splice(0)) {
      timer[Symbol.dispose]();
      fail(error());
    }
  }
}

function hold(lock: RowLock, owner: LockOwner): void {
  lock.holder = owner;
  owner.held.push(lock);
}
