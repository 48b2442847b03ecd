import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { Rejection } from "../../gen/ts/tidewire/v1/message_pb.js";
import type { Committed, Routing } from "../push/committed.js";
import { bigints, type Queryable } from "../store/store.js";

/** A device with an open session. */
export type AppendSender = Readonly<{ userId: bigint; device: number; epoch: bigint }>;

/** What one device wants to have done under one of its client_ids. */
export type AppendRow = Readonly<{
  /** Index into the batch's senders. */
  sender: number;
  clientId: bigint;
  /** 0: none. */
  conversationId: bigint;
  messageId: bigint;
  /** Set if the row only uses up its client_id. 0: it is to be appended. */
  refused: ErrorCode;
  countable: boolean;
  /** An encoded Content. Empty: none. */
  content: Uint8Array;
  /** SHA-256 of what the device sent, 32 bytes. Undefined: not known, and any earlier outcome stands. */
  digest: Uint8Array | undefined;
}>;

export type AppendBatch = Readonly<{
  senders: readonly AppendSender[];
  /** Each sender's rows in the order of their client_ids. */
  rows: readonly AppendRow[];
  /** Becomes `sent_at_ms`. In milliseconds since 1970-01-01 UTC. */
  nowMs: number;
}>;

/** Where a row lies. `Committed` is this together with what the caller knows already. */
export type Placed = Pick<
  Committed,
  "conversationId" | "seq" | "messageId" | "sentAtMs" | "counter" | "rosterSeq" | "routing"
>;

export type AppendOutcome =
  | { kind: "stored"; duplicate: boolean; placed: Placed }
  | { kind: "refused"; duplicate: boolean; code: ErrorCode }
  /** Not considered; it has used up no client_id. */
  | { kind: "rejected"; reason: Rejection };

/** A row of `tidewire_append`. */
type Row = Readonly<{
  outcome: number;
  code: ErrorCode | null;
  conversation_id: bigint;
  seq: bigint;
  message_id: bigint;
  sent_at_ms: bigint;
  counter: bigint;
  routing: Routing;
  roster_seq: bigint;
}>;

const unknownDigest = new Uint8Array(32);

/**
 * Appends what can be appended, all in one transaction and one round trip, and says of each row what became of it, in the
 * order of the rows. Locks the devices, then the conversations, each by rising id. See migrations/0002-append.ts.
 * @throws whatever the driver throws; `isTransient` tells whether repeating helps. Nothing is stored then, as far as is known.
 */
export async function append(sql: Queryable, batch: AppendBatch): Promise<AppendOutcome[]> {
  const [row, ...more] = batch.rows;
  const sender = row && batch.senders[row.sender];
  const isPlain = sender && more.length === 0 && row.refused === ErrorCode.UNSPECIFIED;
  const rows = isPlain ? await appendOne(sql, sender, row, batch.nowMs) : await appendAll(sql, batch);
  return rows.map(toOutcome);
}

/** The same, for half the price. See migrations/0004-append-one.ts. */
function appendOne(sql: Queryable, sender: AppendSender, row: AppendRow, nowMs: number): Promise<Row[]> {
  return sql<Row[]>`
    select outcome, code, conversation_id, seq, message_id, sent_at_ms, counter, routing, roster_seq
    from tidewire_append_one(
      ${sender.userId}, ${sender.device}, ${sender.epoch}, ${row.clientId}, ${row.conversationId}, ${row.messageId},
      ${row.countable}, ${row.content}::bytea, ${row.digest ?? unknownDigest}::bytea, ${nowMs}
    )`;
}

function appendAll(sql: Queryable, { senders, rows, nowMs }: AppendBatch): Promise<Row[]> {
  const contents = packContents(rows);
  return sql<Row[]>`
    select outcome, code, conversation_id, seq, message_id, sent_at_ms, counter, routing, roster_seq
    from tidewire_append(
      ${bigints(senders.map((sender) => sender.userId))}::bigint[],
      ${bigints(senders.map((sender) => sender.device))}::integer[],
      ${bigints(senders.map((sender) => sender.epoch))}::bigint[],
      ${bigints(rows.map((row) => row.sender + 1))}::integer[],
      ${bigints(rows.map((row) => row.clientId))}::bigint[],
      ${bigints(rows.map((row) => row.conversationId))}::bigint[],
      ${bigints(rows.map((row) => row.messageId))}::bigint[],
      ${bigints(rows.map((row) => row.refused))}::integer[],
      ${`{${rows.map((row) => row.countable).join(",")}}`}::boolean[],
      ${bigints(contents.offsets)}::integer[],
      ${bigints(contents.lengths)}::integer[],
      ${contents.bytes}::bytea,
      ${Buffer.concat(rows.map((row) => row.digest ?? unknownDigest))}::bytea,
      ${nowMs}::bigint
    )`;
}

/** One value for all contents: an array of bytea is several times slower to send. */
function packContents(rows: readonly AppendRow[]): { bytes: Uint8Array; offsets: number[]; lengths: number[] } {
  const offsets: number[] = [];
  let length = 0;
  for (const row of rows) {
    offsets.push(length);
    length += row.content.length;
  }
  const bytes = Buffer.concat(
    rows.map((row) => row.content),
    length,
  );
  return { bytes, offsets, lengths: rows.map((row) => row.content.length) };
}

function toOutcome(row: Row): AppendOutcome {
  switch (row.outcome) {
    case 1:
    case 3:
      return { kind: "stored", duplicate: row.outcome === 3, placed: toPlaced(row) };
    case 2:
    case 4:
      return { kind: "refused", duplicate: row.outcome === 4, code: row.code ?? ErrorCode.INTERNAL };
    case 5:
      return { kind: "rejected", reason: Rejection.FENCED };
    case 6:
      return { kind: "rejected", reason: Rejection.GAP };
    case 7:
      return { kind: "rejected", reason: Rejection.CONFLICT };
    default:
      throw new Error(`tidewire_append returned outcome ${row.outcome}`);
  }
}

function toPlaced(row: Row): Placed {
  return {
    conversationId: row.conversation_id,
    seq: row.seq,
    messageId: row.message_id,
    sentAtMs: row.sent_at_ms,
    counter: row.counter,
    rosterSeq: row.roster_seq,
    routing: row.routing,
  };
}
