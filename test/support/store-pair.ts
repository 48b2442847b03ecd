import type { Clock } from "../../runtime/clock.js";
import { TidewireError } from "../../runtime/error.js";
import type { IdGenerator } from "../../runtime/ids.js";
import { type OpenedSession, openSession } from "../../services/account/sessions.js";
import { openDirect } from "../../services/conversation/direct.js";
import { type InterestRow, listInterests } from "../../services/conversation/interests.js";
import { markRead, type ReadCursor } from "../../services/conversation/mark-read.js";
import { addMembers } from "../../services/group/add-members.js";
import type { GroupDeps } from "../../services/group/changes.js";
import { createGroup } from "../../services/group/create-group.js";
import { leaveGroup } from "../../services/group/leave-group.js";
import type { LogStore } from "../../services/message/log-store.js";
import { createLogStore } from "../../services/message/sql-log-store.js";
import type { Committed } from "../../services/push/committed.js";
import { bigints, type Sql } from "../../services/store/store.js";
import { noStoreFaults } from "../sim/store/store-faults.js";
import { createStoreModel, type StoreRules } from "../sim/store/store-model.js";

/** What the model of the store and the shipped one both do; each call answers with what it returns and what it publishes. */
export interface StoreSide {
  readonly name: string;
  readonly logs: LogStore;
  addUsers(userIds: readonly bigint[]): Promise<void>;
  openSession(userId: bigint, deviceId: string): Promise<OpenedSession>;
  openDirect(userId: bigint, peerId: bigint): Promise<bigint | undefined>;
  createGroup(callerId: bigint, title: string, userIds: readonly bigint[]): Promise<readonly Committed[]>;
  addMembers(callerId: bigint, conversationId: bigint, userIds: readonly bigint[]): Promise<readonly Committed[]>;
  leave(callerId: bigint, conversationId: bigint): Promise<readonly Committed[]>;
  markRead(userId: bigint, cursors: readonly ReadCursor[]): Promise<void>;
  listInterests(userId: bigint): Promise<InterestRow[]>;
  /** Every row of the tables that the model knows, in a fixed order. */
  dump(): Promise<object>;
}

/** Time and ids, which both sides are given alike. */
export type Given = { nowMs: number; nextId: bigint };

function idsOf(given: Given): IdGenerator {
  return {
    next() {
      given.nextId += 1n;
      return given.nextId;
    },
  };
}

/** Whatever takes time has happened at once. */
function instantClock(given: Given): Clock {
  const soon = (run: () => void): Disposable => {
    let isSet = true;
    queueMicrotask(() => {
      if (isSet) run();
    });
    return {
      [Symbol.dispose]() {
        isSet = false;
      },
    };
  };
  return { nowMs: () => given.nowMs, monotonicMs: () => 0, after: (_, run) => soon(run), nextTurn: soon };
}

export function createModelSide(given: Given, rules: StoreRules, random: () => number): StoreSide {
  const clock = instantClock(given);
  const timeMs = () => 0;
  const model = createStoreModel({ clock, timeMs, random, faults: { ...noStoreFaults }, storeId: "store", rules });
  const client = model.connect(clock);
  const caller = (callerId: bigint) => ({ callerId, ids: idsOf(given), nowMs: () => given.nowMs });
  return {
    name: "model",
    logs: client,
    async addUsers(userIds) {
      for (const userId of userIds) model.addUser(userId);
    },
    openSession: (userId, deviceId) => client.openSession(userId, deviceId),
    openDirect: (userId, peerId) => client.openDirect(idsOf(given), userId, peerId),
    createGroup: async (callerId, title, userIds) =>
      (await client.createGroup(caller(callerId), { title, userIds })).committed,
    addMembers: async (callerId, conversationId, userIds) =>
      (await client.addMembers(caller(callerId), { conversationId, userIds })).committed,
    leave: async (callerId, conversationId) => (await client.leave(caller(callerId), conversationId)).committed,
    markRead: (userId, cursors) => client.markRead(userId, cursors),
    listInterests: (userId) => client.listInterests(userId),
    async dump() {
      const conversations = [...model.state.conversations.values()].sort(by("conversationId"));
      const members = conversations.flatMap((one) => [...one.members.values()].flat().sort(by("fromSeq")));
      const devices = [...model.state.users.values()].flatMap((user) => user.devices);
      return {
        conversations: conversations.map((one) => pick(one, conversationColumns)),
        members: members.sort(by("fromSeq")).sort(by("userId")).sort(by("conversationId")).map(toMember),
        messages: conversations.flatMap((one) => one.log.map((entry) => ({ ...entry.row }))),
        devices: devices.map((one) => pick(one, ["userId", "device", "deviceId", "epoch", "lastClientId"])),
        refusals: devices.flatMap(({ userId, device, refusals }) =>
          [...refusals].map(([clientId, { code, digest }]) => ({ userId, device, clientId, code, digest })),
        ),
      };
    },
  };
}

const conversationColumns = [
  "conversationId",
  "kind",
  "title",
  "lowUserId",
  "highUserId",
  "headSeq",
  "headCounter",
  "rosterSeq",
  "memberCount",
  "routing",
] as const;

const memberColumns = [
  "conversationId",
  "userId",
  "fromSeq",
  "toSeq",
  "role",
  "readSeq",
  "readCounter",
  "deliveredSeq",
] as const;

function toMember<Member extends Record<(typeof memberColumns)[number], unknown>>(member: Member) {
  return pick(member, memberColumns);
}

export function createSqlSide(given: Given, rules: StoreRules, sql: Sql): StoreSide {
  const clock = instantClock(given);
  const group = (published: Committed[]): GroupDeps => ({
    sql,
    ids: idsOf(given),
    clock,
    publisher: {
      async publish(committed) {
        published.push(...committed);
        return "published";
      },
    },
    groupMembersMax: rules.groupMembersMax,
    routeByConversationAbove: rules.routeByConversationAbove,
  });
  const publishing = async (work: (deps: GroupDeps) => Promise<unknown>) => {
    const published: Committed[] = [];
    await work(group(published));
    return published;
  };
  return {
    name: "PostgreSQL",
    logs: createLogStore(sql),
    async addUsers(userIds) {
      await sql`
        insert into account (user_id, name, password_hash, display_name)
        select id, 'user-' || id, 'none', 'User' from unnest(${bigints(userIds)}::bigint[]) as id`;
    },
    openSession: (userId, deviceId) =>
      openSession({ sql, clock, devicesPerUserMax: rules.devicesPerUserMax }, { userId, deviceId, platform: "" }),
    openDirect: (userId, peerId) => openDirect(sql, idsOf(given), userId, peerId),
    createGroup: (callerId, title, userIds) => publishing((deps) => createGroup(deps, { callerId, title, userIds })),
    addMembers: (callerId, conversationId, userIds) =>
      publishing((deps) => addMembers(deps, { callerId, conversationId, userIds })),
    leave: (callerId, conversationId) => publishing((deps) => leaveGroup(deps, { callerId, conversationId })),
    markRead: (userId, cursors) => markRead(sql, userId, cursors),
    listInterests: (userId) => listInterests(sql, userId),
    dump: () => dumpTables(sql),
  };
}

async function dumpTables(sql: Sql): Promise<object> {
  return {
    conversations: await sql`
      select conversation_id as "conversationId", kind, title, low_user_id as "lowUserId",
        high_user_id as "highUserId", head_seq as "headSeq", head_counter as "headCounter",
        roster_seq as "rosterSeq", member_count as "memberCount", routing
      from conversation order by conversation_id`,
    members: await sql`
      select conversation_id as "conversationId", user_id as "userId", from_seq as "fromSeq", to_seq as "toSeq", role,
        read_seq as "readSeq", read_counter as "readCounter", delivered_seq as "deliveredSeq"
      from member order by conversation_id, user_id, from_seq`,
    messages: await sql`
      select conversation_id as "conversationId", seq, message_id as "messageId", sender_id as "senderId",
        device as "senderDevice", client_id as "clientId", counter, sent_at_ms as "sentAtMs", content
      from message order by conversation_id, seq`,
    devices: await sql`
      select user_id as "userId", device, device_id as "deviceId", epoch, last_client_id as "lastClientId"
      from device order by user_id, device`,
    refusals: await sql`
      select user_id as "userId", device, client_id as "clientId", code, digest
      from refusal order by user_id, device, client_id`,
  };
}

/** What a call came to, in a form that can be compared: a value, or the code of a TidewireError. */
export async function resultOf(work: () => Promise<unknown>): Promise<unknown> {
  try {
    return comparable(await work());
  } catch (error) {
    if (error instanceof TidewireError) return { error: error.code };
    throw error;
  }
}

/** Plain objects and arrays; bytes as hexadecimal digits, whatever holds them. */
export function comparable(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  if (Array.isArray(value)) return [...value].map(comparable);
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value).map(([key, field]) => [key, comparable(field)] as const);
  return Object.fromEntries(fields.sort(([one], [other]) => (one < other ? -1 : 1)));
}

export function pick<Row, Key extends keyof Row>(row: Row, keys: readonly Key[]): Pick<Row, Key> {
  return Object.fromEntries(keys.map((key) => [key, row[key]])) as Pick<Row, Key>;
}

/** Orders by a field; stable, so several of them nest. */
export function by<Key extends string>(key: Key) {
  return (one: Record<Key, bigint>, other: Record<Key, bigint>) =>
    Number(one[key] > other[key]) - Number(one[key] < other[key]);
}
