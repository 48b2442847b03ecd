import type { Head } from "../../gen/ts/tidewire/v1/frame_pb.js";
import { type HeadRow, previewMaxBytes, toHead } from "../message/head-rows.js";
import { type MessageRow, messageColumns, toMessage } from "../message/message-rows.js";
import { bigints, type Queryable } from "../store/store.js";
import { formatPageToken, type PageKey, parsePageToken } from "./page-token.js";

type ConversationRow = PageKey & HeadRow;

/**
 * A page of a user's conversations, past ones included, the one that changed last first. A conversation that changes while
 * a client pages moves to the front, where that client no longer looks: it learns of such changes by heads.
 * @throws TidewireError `INVALID_ARGUMENT` if the page token is not one of ours.
 */
export async function listConversations(
  sql: Queryable,
  page: { userId: bigint; pageToken: string; limit: number },
): Promise<{ conversations: Head[]; nextPageToken: string }> {
  const rows = await readPage(sql, page.userId, parsePageToken(page.pageToken), page.limit + 1);
  const shown = rows.slice(0, page.limit);
  const previews = await readPreviews(sql, shown);
  const last = shown.at(-1);
  return {
    conversations: shown.map((row) => toListed(row, page.userId, previews.get(row.conversationId))),
    nextPageToken: last && rows.length > shown.length ? formatPageToken(last) : "",
  };
}

/**
 * A past conversation keeps the place it had when the user's membership last changed. Uses member_of_user and the primary
 * key of conversation: the cost grows with the number of the user's conversations, not with the length of their logs.
 */
function readPage(sql: Queryable, userId: bigint, below: PageKey, limit: number): Promise<ConversationRow[]> {
  return sql<ConversationRow[]>`
    with latest as (
      -- Who left and came back is in its latest membership.
      select distinct on (conversation_id) * from member
      where user_id = ${userId}
      order by conversation_id, from_seq desc
    ),
    keyed as (
      select c.*, latest.to_seq, latest.read_seq, latest.read_counter,
        (case when latest.to_seq is null then c.changed else latest.changed end)::text::bigint as key
      from latest
      cross join lateral (select * from conversation where conversation_id = latest.conversation_id limit 1) as c
    )
    select key as changed, conversation_id as "conversationId", kind, title,
      low_user_id as "lowUserId", high_user_id as "highUserId",
      coalesce(to_seq, head_seq) as "headSeq", head_counter as "headCounter",
      read_seq as "readSeq", read_counter as "readCounter", to_seq is null as "isMember"
    from keyed
    where (key, conversation_id) < (${below.changed}::bigint, ${below.conversationId}::bigint)
    order by key desc, conversation_id desc
    limit ${limit}`;
}

/** The message at each head, by primary key. None for a conversation that is still empty. */
async function readPreviews(
  sql: Queryable,
  heads: readonly Pick<ConversationRow, "conversationId" | "headSeq">[],
): Promise<Map<bigint, MessageRow>> {
  const rows = await sql<MessageRow[]>`
    select ${messageColumns(sql)}
    from unnest(
      ${bigints(heads.map((head) => head.conversationId))}::bigint[],
      ${bigints(heads.map((head) => head.headSeq))}::bigint[]
    ) as head (id, at)
    cross join lateral (
      select * from message where conversation_id = head.id and seq = head.at limit 1
    ) as message`;
  return new Map(rows.map((row) => [row.conversationId, row]));
}

/** Who has left sees the counter that the log had at its last entry for this user. */
function toListed(row: ConversationRow, userId: bigint, preview: MessageRow | undefined): Head {
  const headCounter = row.isMember ? row.headCounter : (preview?.counter ?? row.readCounter);
  return toHead({ ...row, headCounter }, userId, preview && toPreview(preview));
}

function toPreview(row: MessageRow) {
  const isLarge = row.content !== null && row.content.length > previewMaxBytes;
  return toMessage(isLarge ? { ...row, content: null } : row);
}
