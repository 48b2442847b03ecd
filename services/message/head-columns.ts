import { bigints, type Queryable } from "../store/store.js";
import { type HeadRow, previewMaxBytes } from "./head-rows.js";
import type { HeadEntry } from "./log-store.js";
import type { MessageRow } from "./message-rows.js";

/** Null where an outer join found nothing. */
export type HeadColumns = { [Key in keyof HeadRow]: HeadRow[Key] | null } & {
  [Key in Exclude<keyof MessageRow, "conversationId" | "seq">]: MessageRow[Key] | null;
};

/**
 * A user's conversations, or some of them, as the user sees them: who has left sees the head as it was then. With the
 * transaction that last changed what the user sees. Lookups of one row with a limit are done as they are written; without
 * statistics, which the embedded database never gathers by itself, a join would read the whole table.
 */
export function seenBy(sql: Queryable, userId: bigint, conversationIds?: readonly bigint[]) {
  const some = conversationIds && sql`and conversation_id = any(${bigints(conversationIds)}::bigint[])`;
  return sql`
    select
      c.conversation_id, c.kind, c.title, c.low_user_id, c.high_user_id, m.read_seq, m.read_counter,
      m.to_seq is null as is_member, coalesce(m.to_seq, c.head_seq) as head_seq, c.head_counter,
      case when m.to_seq is null then greatest(c.changed, m.changed) else m.changed end as changed
    from (
      -- Who left and came back is in its latest membership.
      select distinct on (conversation_id) *
      from member where user_id = ${userId} ${some ?? sql``}
      order by conversation_id, from_seq desc
    ) as m
    cross join lateral (select * from conversation where conversation_id = m.conversation_id limit 1) as c`;
}

/** The columns of `h`, which is one of `seenBy`, and of `e`, the message at its head. */
export function headColumns(sql: Queryable) {
  return sql`
    h.conversation_id as "conversationId", h.kind, h.title, h.low_user_id as "lowUserId",
    h.high_user_id as "highUserId", h.head_seq as "headSeq", h.read_seq as "readSeq",
    h.read_counter as "readCounter", h.is_member as "isMember",
    case when h.is_member then h.head_counter else coalesce(e.counter, 0) end as "headCounter",
    e.message_id as "messageId", e.sender_id as "senderId", e.device as "senderDevice",
    e.client_id as "clientId", e.counter, e.sent_at_ms as "sentAtMs",
    case when octet_length(e.content) <= ${previewMaxBytes} then e.content end as content`;
}

/** The message at the head of `h`, as `e`; none for a conversation that is still empty. To be joined as `left join lateral`. */
export function headMessage(sql: Queryable) {
  return sql`(select * from message where conversation_id = h.conversation_id and seq = h.head_seq limit 1) as e on true`;
}

/** Undefined for a row without a conversation. */
export function toHeadEntry(row: HeadColumns): HeadEntry | undefined {
  return hasConversation(row) ? { ...row, preview: toPreview(row, row.conversationId, row.headSeq) } : undefined;
}

function hasConversation(row: HeadColumns): row is HeadColumns & HeadRow {
  return row.conversationId !== null;
}

/** Nothing for a conversation that is still empty. */
function toPreview(row: HeadColumns, conversationId: bigint, seq: bigint): MessageRow | undefined {
  const { messageId, senderId, senderDevice, clientId, counter, sentAtMs, content } = row;
  if (messageId === null || senderId === null || senderDevice === null) return undefined;
  if (clientId === null || counter === null || sentAtMs === null) return undefined;
  return { conversationId, seq, messageId, senderId, senderDevice, clientId, counter, sentAtMs, content };
}
