import { create } from "@bufbuild/protobuf";
import type { Message } from "../../gen/ts/tidewire/v1/content_pb.js";
import { type HeadsPage, HeadsPageSchema } from "../../gen/ts/tidewire/v1/frame_pb.js";
import type { HeadsRequest } from "../../gen/ts/tidewire/v1/message_pb.js";
import type { Sql } from "../store/store.js";
import { type HeadRow, previewMaxBytes, toHead } from "./head-rows.js";
import { type MessageRow, toMessage } from "./message-rows.js";

/** Both are transaction ids. */
type Snapshot = Readonly<{
  /** What was committed when this was read has a lower one, or is in what was read. */
  xmin: bigint;
  /** The last one of the page; null if there are no more after it. */
  cut: bigint | null;
}>;

type Preview = { [Key in keyof MessageRow]: MessageRow[Key] | null };

/**
 * Reads which of a user's conversations changed, the one that changed longest ago first: those whose row, or whose membership
 * row, was changed by a transaction ≥ `since`. Without a request_id.
 *
 * The watermark is the oldest transaction that was still running in the snapshot of the statement: whatever is not in this
 * page was, or will be, changed by that one or a later one. A page never ends between two changes of one transaction, nor
 * after a change that a running transaction may still precede: it rather grows, so every page gets the device on.
 */
export async function heads(sql: Sql, limits: { headsPageMax: number }, request: HeadsRequest): Promise<HeadsPage> {
  const limit = Math.min(request.limit || limits.headsPageMax, limits.headsPageMax);
  const rows = await readHeads(sql, request.userId, request.since, limit);
  const [first] = rows;
  if (first === undefined) throw new Error("a statement with an aggregate returned no row");
  const { xmin, cut } = first;
  const present = rows.filter((row): row is typeof row & HeadRow => row.conversationId !== null);
  return create(HeadsPageSchema, {
    heads: present.map((row, index) =>
      toHead(row, request.userId, index < limit ? toPreview(row, row.headSeq) : undefined),
    ),
    watermark: cut === null ? xmin : cut + 1n,
    hasMore: cut !== null,
  });
}

type Row = Snapshot & { [Key in keyof HeadRow]: HeadRow[Key] | null } & Omit<Preview, "conversationId" | "seq">;

/**
 * One statement, so that heads and watermark are of one snapshot; always at least one row, for the watermark's sake.
 * Reads all memberships of the user through member_of_user, and their conversations by primary key.
 */
function readHeads(sql: Sql, userId: bigint, since: bigint, limit: number): Promise<Row[]> {
  return sql<Row[]>`
    with mine as (
      -- Who left and came back is in its latest membership.
      select distinct on (conversation_id) *
      from member where user_id = ${userId}
      order by conversation_id, from_seq desc
    ), seen as (
      select
        c.conversation_id, c.kind, c.title, c.low_user_id, c.high_user_id, m.read_seq, m.read_counter,
        m.to_seq is null as is_member, coalesce(m.to_seq, c.head_seq) as head_seq, c.head_counter,
        case when m.to_seq is null then greatest(c.changed, m.changed) else m.changed end as changed
      from mine m join conversation c using (conversation_id)
    ), changed as (
      select * from seen where changed >= ${String(since)}::xid8
    ), snapshot as (
      select
        pg_snapshot_xmin(pg_current_snapshot()) as xmin,
        (select changed from changed order by changed offset ${limit - 1} limit 1) as full_at,
        (select max(changed) from changed) as last
    ), page as (
      select xmin, case when full_at < xmin and full_at < last then full_at end as cut from snapshot
    )
    select
      page.xmin::text::bigint as xmin, page.cut::text::bigint as cut,
      h.conversation_id as "conversationId", h.kind, h.title, h.low_user_id as "lowUserId",
      h.high_user_id as "highUserId", h.head_seq as "headSeq", h.read_seq as "readSeq",
      h.read_counter as "readCounter", h.is_member as "isMember",
      case when h.is_member then h.head_counter else coalesce(e.counter, 0) end as "headCounter",
      e.message_id as "messageId", e.sender_id as "senderId", e.device as "senderDevice",
      e.client_id as "clientId", e.counter, e.sent_at_ms as "sentAtMs",
      case when octet_length(e.content) <= ${previewMaxBytes} then e.content end as content
    from page
    left join changed h on page.cut is null or h.changed <= page.cut
    left join message e on e.conversation_id = h.conversation_id and e.seq = h.head_seq
    order by h.changed, h.conversation_id`;
}

/** Nothing for a conversation that is still empty. */
function toPreview(row: Row, seq: bigint): Message | undefined {
  const { conversationId, messageId, senderId, senderDevice, clientId, counter, sentAtMs, content } = row;
  if (conversationId === null || messageId === null || senderId === null || senderDevice === null) return undefined;
  if (clientId === null || counter === null || sentAtMs === null) return undefined;
  return toMessage({ conversationId, seq, messageId, senderId, senderDevice, clientId, counter, sentAtMs, content });
}
