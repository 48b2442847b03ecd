import { ConversationKind } from "../../../gen/ts/tidewire/v1/content_pb.js";
import { type Clock, systemClock } from "../../../runtime/clock.js";
import { createIdGenerator, type IdGenerator } from "../../../runtime/ids.js";
import { createLogStore } from "../../../services/message/sql-log-store.js";
import { bigints, type Store } from "../../../services/store/store.js";
import type { Credentials, Seat } from "../generator/generator-calls.js";
import { mapBounded } from "../generator/map-bounded.js";
import { openDevices, toAppendRow, toAppendSender } from "./append-rows.js";

export type GroupOptions = Readonly<{
  /** Members of a group; the last one may have fewer. */
  members: number;
  /** In the log of each group, by its members in turns. */
  messages: number;
  textBytes: number;
}>;

/** Longer than a server looks back for what it may not have published, or it would push some of the log to whoever comes. */
const ageMs = 3_600_000;
/** All of it was written then. */
const past: Clock = { ...systemClock, nowMs: () => systemClock.nowMs() - ageMs };
/** Groups that are filled at a time. */
const fillingsMax = 2;
/** Rows of one append. */
const rowsMax = 1_000;

/**
 * Puts users into groups, each with a log that nobody has read yet, written by the append that the server uses. Straight in the store,
 * so that the log holds these messages and no entry about the group itself.
 * @returns the seats, in the order of the users. A device without anything begins at seq 0.
 */
export async function openFullGroups(
  store: Store,
  credentials: readonly Credentials[],
  options: GroupOptions,
): Promise<Seat[]> {
  const ids = createIdGenerator({ ...store.nodeLease, clock: past });
  const groups = seatGroups(credentials, options.members, ids);
  const seats = groups.flat();
  await insertGroups(store, seats);
  await openDevices(
    store.sql,
    seats.map(({ userId }) => userId),
  );
  await mapBounded(groups, fillingsMax, (members) => fill(store, members, ids, options));
  return seats;
}

function seatGroups(credentials: readonly Credentials[], members: number, ids: IdGenerator): Seat[][] {
  return Array.from({ length: Math.ceil(credentials.length / members) }, (_, group) => {
    const conversationId = ids.next();
    const own = credentials.slice(group * members, (group + 1) * members);
    return own.map((one) => ({ ...one, conversationId, headSeq: 0n }));
  });
}

async function insertGroups({ sql }: Store, seats: readonly Seat[]): Promise<void> {
  const conversationIds = bigints(seats.map(({ conversationId }) => conversationId));
  const userIds = bigints(seats.map(({ userId }) => userId));
  await sql`
    insert into conversation (conversation_id, kind, title, member_count)
    select conversation_id, ${ConversationKind.GROUP}, 'Benchmark', count(*)
    from unnest(${conversationIds}::bigint[]) as conversation_id group by conversation_id`;
  await sql`
    insert into member (conversation_id, user_id, from_seq)
    select conversation_id, user_id, 1
    from unnest(${conversationIds}::bigint[], ${userIds}::bigint[]) as seat (conversation_id, user_id)`;
}

/** @throws Error if a message is not stored. */
async function fill(
  store: Store,
  members: readonly Seat[],
  ids: IdGenerator,
  { messages, textBytes }: GroupOptions,
): Promise<void> {
  const logs = createLogStore(store.sql);
  const rows = Array.from({ length: messages }, (_, message) => {
    const index = message % members.length;
    const number = Math.floor(message / members.length) + 1;
    const { userId = 0n, conversationId = 0n } = members[index] ?? {};
    return toAppendRow({ userId, conversationId, index, number }, ids.next(), textBytes);
  });
  const senders = members.map(toAppendSender);
  for (let first = 0; first < rows.length; first += rowsMax) {
    const batch = { senders, rows: rows.slice(first, first + rowsMax), nowMs: past.nowMs() };
    const outcomes = await logs.append(batch);
    if (outcomes.some(({ kind }) => kind !== "stored")) throw new Error("a message of a group was not stored");
  }
}
