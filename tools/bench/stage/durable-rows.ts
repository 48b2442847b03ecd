import { ContentSchema } from "../../../gen/ts/tidewire/v1/content_pb.js";
import { decode } from "../../../runtime/binary.js";
import type { Queryable } from "../../../services/store/store.js";
import type { Logged } from "../generator/workload.js";

/** A row of `message`. */
export type MessageRow = Readonly<{
  seq: bigint;
  senderId: bigint;
  device: number;
  clientId: bigint;
  /** An encoded Content. */
  content: Uint8Array;
}>;

export type RowsVerdict = Readonly<{
  /** Messages that lie in the database exactly where their members saw them. */
  durableRows: number;
  /** The first things that are wrong, in words. */
  problems: readonly string[];
}>;

const problemsMax = 10;

/** The log of a conversation from `firstSeq` on, by seq. */
export function readMessageRows(sql: Queryable, conversationId: bigint, firstSeq: bigint): Promise<MessageRow[]> {
  return sql<MessageRow[]>`
    select seq, sender_id as "senderId", device, client_id as "clientId", content
    from message where conversation_id = ${conversationId} and seq >= ${firstSeq}
    order by seq`;
}

/** The members whose device has not acknowledged all up to `headSeq` as far as the database knows, in words. */
export async function findUnacknowledged(sql: Queryable, conversationId: bigint, headSeq: bigint): Promise<string[]> {
  const members = await sql<{ userId: bigint; seq: bigint }[]>`
    select user_id as "userId", delivered_seq as seq
    from member where conversation_id = ${conversationId} and delivered_seq <> ${headSeq}
    order by user_id limit ${problemsMax}`;
  return members.map(({ userId, seq }) => `the delivered mark of user ${userId} is ${seq}, not ${headSeq}`);
}

/** Compares the log that members saw, by seq, with the one in the database. Pure. */
export function verifyRows(log: readonly Logged[], rows: readonly MessageRow[]): RowsVerdict {
  const problems: string[] = [];
  const bySeq = new Map(rows.map((row) => [row.seq, row]));
  let durableRows = 0;
  for (const logged of log) {
    const row = bySeq.get(logged.seq);
    if (row && isSame(logged, row)) durableRows++;
    else problems.push(`seq ${logged.seq} is ${row ? "another message" : "missing"} in the database`);
  }
  const surplus = rows.length - log.length;
  if (surplus !== 0 && problems.length === 0) problems.push(`the database has ${rows.length} rows, not ${log.length}`);
  return { durableRows, problems: problems.slice(0, problemsMax) };
}

function isSame({ sent }: Logged, row: MessageRow): boolean {
  const { body } = decode(ContentSchema, row.content);
  return (
    row.senderId === sent.senderId &&
    row.device === sent.device &&
    row.clientId === sent.clientId &&
    body.case === "text" &&
    body.value.text === sent.text
  );
}
