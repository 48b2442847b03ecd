import type { Clock } from "../../../runtime/clock.js";
import { bothMs } from "../../../services/group/routing.js";
import { createRowLock, type RowLock } from "./row-locks.js";
import { createStoreClient, type StoreClient, type StoreCore } from "./store-client.js";
import { failures, noStoreCounts, type StoreCounts, type StoreFaults } from "./store-faults.js";
import { copyState, createState, pairOf, type StoreState } from "./stored.js";
import { createTransactions, type Transactions } from "./transactions.js";

/**
 * A model of the database: it decides what the shipped SQL decides, under the same locks, and loses in a crash what had not
 * reached the disk. A contract test holds it against PostgreSQL.
 */
export interface StoreModel {
  /** A client on a clock of its own: a service process. Its answers come by that clock, so a dead one never gets any. */
  connect(clock: Clock): StoreClient;
  /** How often each fault strikes; may be changed at any time. */
  readonly faults: StoreFaults;
  readonly counts: StoreCounts;
  /** What is committed. To look at, not to change. */
  readonly state: StoreState;
  /** What was committed under earlier store ids, until the store was restored. The present one is last. */
  readonly eras: readonly StoreEra[];
  /** Creates an account, at once. */
  addUser(userId: bigint): void;
  /** Stops at once: what is not flushed is lost, whoever waits fails, and all further calls fail. */
  crash(): void;
  restart(): void;
  backup(): StoreBackup;
  /** Restarts on what a backup holds, under a new store id. The store must be down, and everything that has used it. */
  restore(backup: StoreBackup, storeId: string): void;
  readonly isUp: boolean;
  /** Transactions that have not ended. */
  readonly openTransactions: number;
}

/** The life of the store under one store id. */
export type StoreEra = Readonly<{ state: StoreState; fromMs: number; untilMs: number }>;

export type StoreBackup = Readonly<{ state: StoreState; nextId: bigint }>;

export type StoreModelOptions = Readonly<{
  /** The store's own; it outlives crashes. */
  clock: Clock;
  /** The time in which history is recorded, in milliseconds. */
  timeMs: () => number;
  /** Uniform in [0, 1). */
  random: () => number;
  faults: StoreFaults;
  storeId: string;
  rules?: Partial<StoreRules>;
}>;

export type StoreRules = Readonly<{
  devicesPerUserMax: number;
  groupMembersMax: number;
  /** Groups with more members go over to delivery by conversation. */
  routeByConversationAbove: number;
  /** How long that takes, in milliseconds. */
  bothMs: number;
}>;

const defaultRules: StoreRules = {
  devicesPerUserMax: 10,
  groupMembersMax: 10_000,
  routeByConversationAbove: 100,
  bothMs,
};

export function createStoreModel(options: StoreModelOptions): StoreModel {
  return new Model(options);
}

class Model implements StoreModel {
  readonly faults: StoreFaults;
  readonly counts: StoreCounts = noStoreCounts();
  state: StoreState;
  readonly #timeMs: () => number;
  readonly #transactions: Transactions;
  readonly #core: StoreCore;
  /** The entries of a unique index, by pair of users. */
  readonly #pairs = new Map<string, RowLock>();
  readonly #past: StoreEra[] = [];
  readonly #salt: number;
  #sinceMs: number;

  constructor({ clock, timeMs, random, faults, storeId, rules }: StoreModelOptions) {
    const { counts } = this;
    this.faults = faults;
    this.state = createState(storeId);
    this.#timeMs = timeMs;
    this.#sinceMs = timeMs();
    this.#salt = Math.floor(random() * 2 ** 31);
    this.#transactions = createTransactions({ clock, timeMs, random, faults, counts });
    this.#core = {
      ...{ transactions: this.#transactions, random, rules: { ...defaultRules, ...rules } },
      state: () => this.state,
      uniqueness: (userId, peerId) => this.#uniqueness(pairOf(userId, peerId)),
      poisons: (userId, device, clientId) => this.#poisons(userId, device, clientId),
    };
  }

  get eras(): readonly StoreEra[] {
    return [...this.#past, { state: this.state, fromMs: this.#sinceMs, untilMs: Number.POSITIVE_INFINITY }];
  }

  get isUp(): boolean {
    return this.#transactions.isUp;
  }

  get openTransactions(): number {
    return this.#transactions.open;
  }

  connect(clock: Clock): StoreClient {
    return createStoreClient(this.#core, clock);
  }

  addUser(userId: bigint): void {
    this.state.users.set(userId, { userId, lock: createRowLock(), devices: [], conversations: new Set() });
  }

  crash(): void {
    this.#transactions.crash();
  }

  restart(): void {
    this.#transactions.restart();
  }

  backup(): StoreBackup {
    return { state: copyState(this.state), nextId: this.#transactions.nextId };
  }

  restore(backup: StoreBackup, storeId: string): void {
    if (this.isUp) throw new Error("a store is restored while it is down");
    const nowMs = this.#timeMs();
    this.counts.restore += 1;
    this.#past.push({ state: this.state, fromMs: this.#sinceMs, untilMs: nowMs });
    this.state = { ...copyState(backup.state), storeId };
    this.#sinceMs = nowMs;
    this.#transactions.restart(backup.nextId);
  }

  #uniqueness(pair: string): RowLock {
    const lock = this.#pairs.get(pair) ?? createRowLock();
    this.#pairs.set(pair, lock);
    return lock;
  }

  #poisons(userId: bigint, device: number, clientId: bigint): Error | undefined {
    const { poison } = this.faults;
    if (poison === 0 || chanceOf(this.#salt, userId, device, clientId) >= poison) return undefined;
    this.counts.poison += 1;
    return failures.poisoned();
  }
}

/** The same for the same message whenever it is asked; uniform in [0, 1) over many. FNV-1a. */
function chanceOf(salt: number, userId: bigint, device: number, clientId: bigint): number {
  let hash = 0x811c9dc5 ^ salt;
  for (const part of [Number(userId & 0xffff_ffffn), device, Number(clientId & 0xffff_ffffn)]) {
    for (let shift = 0; shift < 32; shift += 8) hash = Math.imul(hash ^ ((part >>> shift) & 0xff), 0x01000193);
  }
  return (hash >>> 0) / 2 ** 32;
}
