import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { TidewireError } from "../../runtime/error.js";
import { type MessageRow, messageColumns } from "../message/message-rows.js";
import type { Queryable } from "../store/store.js";
import { toStoredId, toStoredSeq } from "../stored-ids.js";

export type HistoryQuery = Readonly<{
  userId: bigint;
  conversationId: bigint;
  /** Only messages below this seq. 0: from the end. */
  beforeSeq: bigint;
  /** Most messages, at least 1. */
  limit: number;
  /** The page ends with the message that takes its contents over this size. */
  maxBytes: number;
}>;

/**
 * The last messages before a seq, by rising seq, that lie within the user's memberships.
 * @throws TidewireError `UNKNOWN_CONVERSATION` if the user has never been in it.
 */
export async function readHistory(
  sql: Queryable,
  query: HistoryQuery,
): Promise<{ messages: MessageRow[]; hasMore: boolean }> {
  const conversationId = toStoredId(query.conversationId);
  const beforeSeq = toStoredSeq(query.beforeSeq === 0n ? 2n ** 63n : query.beforeSeq);
  // Reads each membership backwards along the primary key, never what lies between them: a user who was away for a
  // million messages costs nothing. One row more than asked for says whether there are more.
  const rows = await sql<Array<MessageRow & { found: bigint }>>`
    with mine as (
      select message.*
      from member
      cross join lateral (
        select * from message
        where message.conversation_id = member.conversation_id
          and message.seq between member.from_seq and coalesce(member.to_seq, ${beforeSeq})
          and message.seq < ${beforeSeq}
        order by message.seq desc
        limit ${query.limit + 1}
      ) as message
      where member.conversation_id = ${conversationId} and member.user_id = ${query.userId}
      order by message.seq desc
      limit ${query.limit + 1}
    ),
    sized as (
      select *, count(*) over () as found, row_number() over back as ordinal,
        coalesce(sum(length(content)) over (back rows between unbounded preceding and 1 preceding), 0) as bytes_before
      from mine
      window back as (order by seq desc)
    )
    select ${messageColumns(sql)}, found
    from sized
    where ordinal <= ${query.limit} and bytes_before <= ${query.maxBytes}
    order by seq`;
  const found = rows[0]?.found ?? 0n;
  if (found === 0n) await requireEverMember(sql, conversationId, query.userId);
  return { messages: rows, hasMore: found > rows.length };
}

async function requireEverMember(sql: Queryable, conversationId: bigint, userId: bigint): Promise<void> {
  const [row] = await sql`
    select from member where conversation_id = ${conversationId} and user_id = ${userId} limit 1`;
  if (!row) throw new TidewireError(ErrorCode.UNKNOWN_CONVERSATION, "there is no such conversation for this user");
}
