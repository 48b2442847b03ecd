import { create } from "@bufbuild/protobuf";
import { ContentSchema, MessageSchema } from "../../../gen/ts/tidewire/v1/content_pb.js";
import { decode } from "../../../runtime/binary.js";
import { bigints, type Queryable } from "../../../services/store/store.js";
import type { Seat } from "../generator/generator-calls.js";
import { createLogFollower, type Holding } from "../generator/log-follower.js";
import type { MessageRow, RowsVerdict } from "./durable-rows.js";

/** Conversations of which the database is asked at a time. */
const conversationsMax = 100;
const problemsMax = 10;

/**
 * Compares what devices hold with what lies in the database, where many conversations are to be compared: by their digests.
 * @param seats of the devices; each of its conversations is read from the end that the log had to begin with.
 */
export async function verifyLogs(
  sql: Queryable,
  { seats, holdings, textBytes }: { seats: readonly Seat[]; holdings: readonly Holding[]; textBytes: number },
): Promise<RowsVerdict> {
  const places = [...new Map(seats.map((seat) => [seat.conversationId, seat])).values()];
  const durable: Holding[] = [];
  for (let first = 0; first < places.length; first += conversationsMax)
    durable.push(...(await followRows(sql, places.slice(first, first + conversationsMax), textBytes)));
  return compareLogs(holdings, durable);
}

/**
 * @param holdings of devices, each of which has to hold exactly its conversation's durable log.
 * @param durable one for each conversation.
 */
export function compareLogs(holdings: readonly Holding[], durable: readonly Holding[]): RowsVerdict {
  const problems = durable.flatMap((log) => log.problems);
  const logs = new Map(durable.map((log) => [log.conversationId, log]));
  for (const { holder, conversationId, digest } of holdings) {
    if (logs.get(conversationId)?.digest !== digest)
      problems.push(`${holder} holds another log of conversation ${conversationId} than the database`);
  }
  const durableRows = durable.reduce((sum, { applied }) => sum + applied, 0);
  return { durableRows, problems: problems.slice(0, problemsMax) };
}

/** The logs in the database, followed as devices follow theirs. */
async function followRows(sql: Queryable, places: readonly Seat[], textBytes: number): Promise<Holding[]> {
  const rows = await sql<(MessageRow & { conversationId: bigint })[]>`
    select conversation_id as "conversationId", seq, sender_id as "senderId", device, client_id as "clientId", content
    from message where conversation_id = any(${bigints(places.map((place) => place.conversationId))}::bigint[])
    order by conversation_id, seq`;
  const followers = new Map(
    places.map(({ conversationId, headSeq }) => [
      conversationId,
      createLogFollower({ holder: "the database", conversationId, headSeq, textBytes }),
    ]),
  );
  const heads = new Map(places.map(({ conversationId, headSeq }) => [conversationId, headSeq]));
  for (const { device, content, ...row } of rows) {
    if (row.seq <= (heads.get(row.conversationId) ?? 0n)) continue;
    const message = create(MessageSchema, { ...row, senderDevice: device, content: decode(ContentSchema, content) });
    followers.get(row.conversationId)?.follow(message);
  }
  return [...followers.values()].map(({ holding }) => holding);
}

/** Who has not acknowledged the whole log as far as the database knows, in words. */
export async function findBehind(sql: Queryable, seats: readonly Seat[]): Promise<string[]> {
  const marks = await sql<{ userId: bigint; seq: bigint; headSeq: bigint }[]>`
    select user_id as "userId", delivered_seq as seq, head_seq as "headSeq"
    from unnest(
      ${bigints(seats.map((seat) => seat.conversationId))}::bigint[], ${bigints(seats.map((seat) => seat.userId))}::bigint[]
    ) as seat (conversation_id, user_id)
    join member using (conversation_id, user_id) join conversation using (conversation_id)
    where delivered_seq <> head_seq
    order by user_id limit ${problemsMax}`;
  return marks.map(({ userId, seq, headSeq }) => `the delivered mark of user ${userId} is ${seq}, not ${headSeq}`);
}
