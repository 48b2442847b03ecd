import type { Clock } from "../../../runtime/clock.js";
import type { IdGenerator } from "../../../runtime/ids.js";
import type { OpenedSession } from "../../../services/account/sessions.js";
import type { InterestRow } from "../../../services/conversation/interests.js";
import type { ReadCursor } from "../../../services/conversation/mark-read.js";
import type { LogStore } from "../../../services/message/log-store.js";
import { conversationLocks, deviceLocks, judgeAppend } from "./appending.js";
import { addMembersPlan, createGroupPlan, type GroupCaller, type GroupChange, leavePlan } from "./grouping.js";
import { markReadPlan, raiseDeliveredPlan } from "./marking.js";
import { createDirectPlan, findDirect, openSessionPlan } from "./opening.js";
import {
  listInterests,
  readCommitted,
  readHeads,
  readHeadsOf,
  readMembership,
  readRecent,
  readRosterSeqAt,
  readRosters,
  readStretch,
} from "./reading.js";
import type { RowLock } from "./row-locks.js";
import type { StoreRules } from "./store-model.js";
import type { StoreState } from "./stored.js";
import type { Plan, Transactions } from "./transactions.js";

/** All that services do with the store. Calls reject with what the driver, or the shipped code, would throw. */
export interface StoreClient extends LogStore {
  /** Names the store, as it is now. */
  readonly storeId: string;
  openSession(userId: bigint, deviceId: string): Promise<OpenedSession>;
  /** As `openDirect` of services/conversation. */
  openDirect(ids: IdGenerator, userId: bigint, peerId: bigint): Promise<bigint | undefined>;
  createGroup(caller: GroupCaller, request: { title: string; userIds: readonly bigint[] }): Promise<GroupChange>;
  addMembers(
    caller: GroupCaller,
    request: { conversationId: bigint; userIds: readonly bigint[] },
  ): Promise<GroupChange>;
  leave(caller: GroupCaller, conversationId: bigint): Promise<GroupChange>;
  markRead(userId: bigint, cursors: readonly ReadCursor[]): Promise<void>;
  listInterests(userId: bigint): Promise<InterestRow[]>;
}

/** What the clients of a store share. */
export type StoreCore = Readonly<{
  transactions: Transactions;
  random: () => number;
  rules: StoreRules;
  state: () => StoreState;
  /** The entry of a unique index for a pair of users. */
  uniqueness: (userId: bigint, peerId: bigint) => RowLock;
  /** What the database says of a message that it cannot store. */
  poisons: (userId: bigint, device: number, clientId: bigint) => Error | undefined;
}>;

export function createStoreClient(core: StoreCore, clock: Clock): StoreClient {
  const { transactions, rules, state } = core;
  const { read, write } = createWire(core, clock);
  return {
    get storeId() {
      return state().storeId;
    },
    append: (batch) =>
      write({
        id: "with-first-lock",
        locks: [() => deviceLocks(state(), batch), () => conversationLocks(state(), batch)],
        work: (transactionId) =>
          judgeAppend(state(), batch, transactionId, (sender, row) =>
            core.poisons(sender.userId, sender.device, row.clientId),
          ),
      }),
    readMembership: (conversationId, userId) => read((now) => readMembership(now, conversationId, userId)),
    readStretch: (stretch) => read((now) => readStretch(now, stretch)),
    readHeads: (query) => read((now) => readHeads(now, query, transactions.xmin())),
    readHeadsOf: (userId, conversationIds) => read((now) => readHeadsOf(now, userId, conversationIds)),
    readRosters: (from) => read((now) => readRosters(now, from)),
    readRosterSeqAt: (conversationId, seq) => read((now) => readRosterSeqAt(now, conversationId, seq)),
    readCommitted: (stretch) => read((now) => readCommitted(now, stretch)),
    readRecent: (sinceMessageId, afterMessageId) => read((now) => readRecent(now, sinceMessageId, afterMessageId)),
    raiseDelivered: (marks) => write(raiseDeliveredPlan(state(), marks)),
    openSession: (userId, deviceId) =>
      write(openSessionPlan(state(), { userId, deviceId, devicesMax: rules.devicesPerUserMax })),
    async openDirect(ids, userId, peerId) {
      const find = () => read((now) => findDirect(now, userId, peerId)?.conversationId);
      const found = await find();
      if (found !== undefined) return found;
      const pair = { userId, peerId, conversationId: ids.next() };
      await write(createDirectPlan(state(), pair, core.uniqueness(userId, peerId)));
      return await find();
    },
    createGroup: async (caller, request) => (await write(createGroupPlan(state(), rules, caller, request)))(),
    addMembers: async (caller, request) => (await write(addMembersPlan(state(), rules, caller, request)))(),
    leave: async (caller, conversationId) => (await write(leavePlan(state(), rules, caller, conversationId)))(),
    markRead: (userId, cursors) => write(markReadPlan(state(), userId, cursors)),
    listInterests: (userId) => read((now) => listInterests(now, userId)),
  };
}

/** How a client asks: what it asks for takes the way there and back. */
type Wire = Readonly<{
  read<Result>(look: (state: StoreState) => Result): Promise<Result>;
  write<Result>(plan: Plan<Result>): Promise<Result>;
}>;

function createWire({ transactions, random, state }: StoreCore, clock: Clock): Wire {
  /** The way between a service and the database, in milliseconds. */
  const hopMs = () => 0.1 + random() * 0.5;

  /** An answer comes by the client's own clock: late to one that is paused, and never to one that is dead. */
  function answer<Result>(work: Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      work.then(
        (result) => clock.after(hopMs(), () => resolve(result)),
        (error: unknown) => clock.after(hopMs(), () => reject(error)),
      );
    });
  }

  return {
    write: (plan) => answer(transactions.run(plan)),
    /** Either the question or the answer takes its time: what is read may be old when it arrives. */
    read(look) {
      const readNow = () => transactions.read(() => look(state()));
      if (random() < 0.5) return answer(new Promise((resolve) => resolve(readNow())));
      return new Promise((resolve, reject) => {
        clock.after(hopMs(), () => {
          try {
            resolve(readNow());
          } catch (error) {
            reject(error);
          }
        });
      });
    },
  };
}
