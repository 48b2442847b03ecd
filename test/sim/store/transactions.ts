import type { Clock } from "../../../runtime/clock.js";
import { failWaiting, type LockOwner, type RowLock, releaseAll, tryLock, waitForLock } from "./row-locks.js";
import { failures, type StoreCounts, type StoreFaults } from "./store-faults.js";

/** What a transaction does. */
export type Plan<Result> = Readonly<{
  /** The rows to lock, list after list: each is made when all rows of the ones before are held. Sorted, or deadlocks follow. */
  locks: readonly (() => readonly RowLock[])[];
  /** When the transaction gets its id: with PostgreSQL an update has it before it waits for its row, a lock not until it has it. */
  id: "before-locks" | "with-first-lock";
  /**
   * Runs when all rows are held, and decides. `change` is what happens to the committed state at the commit, and not before.
   * A plan that ends without an id and without a change has only read.
   */
  work(id: bigint): Readonly<{ result: Result; change?: Change }>;
}>;

type Change = (atMs: number) => void;

/** Locks, commits and crashes as PostgreSQL has them (READ COMMITTED), without SQL. */
export interface Transactions {
  /** @throws what the driver would throw; see store-error.ts. The transaction may have been committed all the same. */
  run<Result>(plan: Plan<Result>): Promise<Result>;
  /** Looks at what is committed. @throws as `run` does */
  read<Result>(look: () => Result): Result;
  /** Every transaction with a lower id has ended. */
  xmin(): bigint;
  /** As `pg_ctl stop -m immediate`: what is not on the disk is gone, and everybody who waits fails. */
  crash(): void;
  /** @param firstId Where ids go on; default: where they were. */
  restart(firstId?: bigint): void;
  /** The id that the next transaction gets. */
  readonly nextId: bigint;
  readonly isUp: boolean;
  /** Transactions that have not ended, and strangers who hold a lock. */
  readonly open: number;
}

export type TransactionsOptions = Readonly<{
  clock: Clock;
  /** The time that a commit is given, in milliseconds. */
  timeMs: () => number;
  random: () => number;
  faults: StoreFaults;
  counts: StoreCounts;
}>;

export function createTransactions(options: TransactionsOptions): Transactions {
  return new ModelTransactions(options);
}

type Open = LockOwner & { id: bigint | undefined };

/** A commit whose record is on its way to the disk. Records get there in order. */
type Flush = Readonly<{
  place: number;
  owner: Open;
  change: Change | undefined;
  /** The next transaction id when the record was written: ids below it are never given out again once it is on the disk. */
  nextId: bigint;
  timer: Disposable;
  fail(error: Error): void;
}>;

const lockTimeoutMs = 1_000;
const statementTimeoutMs = 3_000;
/** Until when at the latest the log writer has written what no commit has forced out, such as a rollback. */
const logWriterMs = 400;
const firstId = 1_000n;

class ModelTransactions implements Transactions {
  isUp = true;
  nextId = firstId;
  readonly #options: TransactionsOptions;
  readonly #open = new Set<Open>();
  /** By rising id. */
  readonly #running = new Set<bigint>();
  /** By rising place. */
  readonly #flushing = new Set<Flush>();
  /** Where ids begin after a crash. */
  #durableNextId = firstId;
  #highestNextId = firstId;
  #places = 0;
  #durablePlace = 0;
  #starts = 0;
  #refusedUntilMs = 0;

  constructor(options: TransactionsOptions) {
    this.#options = options;
  }

  get open(): number {
    return this.#open.size;
  }

  xmin(): bigint {
    return this.#running.values().next().value ?? this.nextId;
  }

  read<Result>(look: () => Result): Result {
    this.#refuseIfGone();
    return look();
  }

  async run<Result>(plan: Plan<Result>): Promise<Result> {
    this.#refuseIfGone();
    const owner: Open = { held: [], id: undefined };
    this.#open.add(owner);
    try {
      return await this.#runAs(owner, plan);
    } finally {
      this.#rollBack(owner);
    }
  }

  async #runAs<Result>(owner: Open, plan: Plan<Result>): Promise<Result> {
    const breaks = this.#strikes("lostConnection") ? this.#options.random() : undefined;
    if (plan.id === "before-locks") this.#assignId(owner);
    await this.#lockAll(owner, plan);
    const { result, change } = plan.work(owner.id ?? 0n);
    if (breaks !== undefined && breaks < 0.5) throw failures.connectionClosed();
    if (owner.id !== undefined) await this.#flush(owner, change);
    if (breaks !== undefined) throw failures.connectionClosed();
    return result;
  }

  crash(): void {
    this.#options.counts.crash += 1;
    this.isUp = false;
    this.#loseUnflushed();
    for (const owner of this.#open) failWaiting(owner, failures.connectionClosed);
    for (const owner of [...this.#open]) this.#end(owner);
    this.nextId = this.#durableNextId;
    this.#starts += 1;
    this.#refusedUntilMs = 0;
  }

  restart(nextId = this.nextId): void {
    this.isUp = true;
    this.nextId = nextId;
    this.#durableNextId = nextId;
  }

  #strikes(fault: keyof StoreFaults): boolean {
    const { faults, counts, random } = this.#options;
    if (faults[fault] === 0 || random() >= faults[fault]) return false;
    counts[fault] += 1;
    return true;
  }

  #refuseIfGone(): void {
    if (!this.isUp) throw failures.down();
    const { clock, random } = this.#options;
    const nowMs = clock.monotonicMs();
    if (nowMs >= this.#refusedUntilMs && this.#strikes("refusal"))
      this.#refusedUntilMs = nowMs + 100 + random() * 1_900;
    if (nowMs < this.#refusedUntilMs) throw failures.refused();
  }

  #assignId(owner: Open): void {
    if (owner.id !== undefined) return;
    owner.id = this.nextId;
    this.#running.add(owner.id);
    this.nextId += 1n;
    if (this.nextId > this.#highestNextId) this.#highestNextId = this.nextId;
    else this.#options.counts.reusedTransactionId += 1;
  }

  #end(owner: Open): void {
    this.#open.delete(owner);
    if (owner.id !== undefined) this.#running.delete(owner.id);
    releaseAll(owner);
  }

  /** Nobody waits for the record of a rollback, so a crash may lose that its id was ever used. */
  #rollBack(owner: Open): void {
    if (!this.#open.has(owner)) return;
    this.#end(owner);
    const { id } = owner;
    if (id === undefined) return;
    const start = this.#starts;
    const { clock, random } = this.#options;
    clock.after(random() * logWriterMs, () => {
      if (start === this.#starts && this.#durableNextId <= id) this.#durableNextId = id + 1n;
    });
  }

  async #lockAll(owner: Open, plan: Plan<unknown>): Promise<void> {
    const deadlineMs = this.#options.clock.monotonicMs() + statementTimeoutMs;
    for (const list of plan.locks) {
      const rows = list();
      this.#occupyOne(rows);
      for (const row of rows) {
        if (!tryLock(row, owner)) await this.#wait(row, owner, deadlineMs);
        // It may have been granted by a crash that let go of everything.
        if (!this.#open.has(owner)) throw failures.connectionClosed();
        this.#assignId(owner);
      }
    }
  }

  /** Somebody whom nobody knows takes a row and keeps it for a while. */
  #occupyOne(rows: readonly RowLock[]): void {
    const { faults, random, clock } = this.#options;
    if (faults.heldLock === 0) return;
    const row = rows[Math.floor(random() * rows.length)];
    if (row === undefined || row.holder !== undefined || !this.#strikes("heldLock")) return;
    const stranger: Open = { held: [], id: undefined };
    this.#open.add(stranger);
    tryLock(row, stranger);
    this.#assignId(stranger);
    clock.after(100 + random() * 4_900, () => this.#rollBack(stranger));
  }

  #wait(row: RowLock, owner: Open, deadlineMs: number): Promise<void> {
    const { clock, counts } = this.#options;
    const leftMs = Math.max(0, deadlineMs - clock.monotonicMs());
    const giveUp = () => {
      counts[leftMs < lockTimeoutMs ? "statementTimeout" : "lockTimeout"] += 1;
      return leftMs < lockTimeoutMs ? failures.statementTimeout() : failures.lockTimeout();
    };
    return waitForLock(row, owner, { clock, patienceMs: Math.min(lockTimeoutMs, leftMs), giveUp });
  }

  /** Resolves when the commit is on the disk, visible, and its locks are released: all in one moment. */
  #flush(owner: Open, change: Change | undefined): Promise<void> {
    const { clock, random } = this.#options;
    this.#places += 1;
    const place = this.#places;
    const { nextId } = this;
    const delayMs = this.#strikes("slowFlush") ? 100 + random() * 2_900 : 0.5 + random() * 4;
    return new Promise((resolve, fail) => {
      const timer = clock.after(delayMs, () => {
        this.#settle(entry);
        resolve();
      });
      const entry: Flush = { place, owner, change, nextId, timer, fail };
      this.#flushing.add(entry);
    });
  }

  #settle(entry: Flush): void {
    this.#flushing.delete(entry);
    if (this.#durablePlace < entry.place) this.#durablePlace = entry.place;
    if (this.#durableNextId < entry.nextId) this.#durableNextId = entry.nextId;
    entry.change?.(this.#options.timeMs());
    this.#end(entry.owner);
  }

  /** Records get to the disk in order: all up to some place have, and none after it. */
  #loseUnflushed(): void {
    const { counts, random } = this.#options;
    let isCutOff = false;
    for (const entry of [...this.#flushing]) {
      entry.timer[Symbol.dispose]();
      isCutOff ||= entry.place > this.#durablePlace && random() < 0.5;
      counts[isCutOff ? "lostCommit" : "unheardCommit"] += 1;
      if (isCutOff) this.#flushing.delete(entry);
      else this.#settle(entry);
      entry.fail(failures.connectionClosed());
    }
  }
}
