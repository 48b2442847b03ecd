import type { Committed, Routing } from "../push/committed.js";
import type { Queryable } from "../store/store.js";
import type { Stretch } from "./log-store.js";
import { type MessageRow, messageColumns } from "./message-rows.js";
import { messagesOf } from "./read-stretch.js";

/** A message with what publishing has to know besides. */
export type CommittedRow = Omit<MessageRow, "content"> &
  Readonly<{
    content: Uint8Array;
    rosterSeq: bigint;
    routing: Routing;
    /** Ids, separated by commas; null for none. */
    joined: string | null;
    left: string | null;
  }>;

/**
 * As `LogStore.readCommitted`. Uses primary keys; the members are read for entries of the system only, and once for the seq of
 * the last change of members before the stretch, unless there was none since.
 */
export async function readCommitted(sql: Queryable, stretch: Stretch): Promise<Committed[]> {
  const rows = await sql<CommittedRow[]>`
    with log as (
      select routing, case when roster_seq < ${stretch.firstSeq} then roster_seq else (
        select coalesce(greatest(
          max(from_seq) filter (where from_seq < ${stretch.firstSeq}),
          max(to_seq) filter (where to_seq < ${stretch.firstSeq})
        ), 0)
        from member where member.conversation_id = ${stretch.conversationId}
      ) end as roster_before
      from conversation
      where conversation.conversation_id = ${stretch.conversationId}
    )
    select ${messageColumns(sql)}, routing, joined, "left", coalesce(
      max(seq) filter (where joined is not null or "left" is not null) over (order by seq), roster_before
    ) as "rosterSeq"
    from (${messagesOf(sql, stretch)}) as entry
    cross join log
    cross join lateral (${movedBy(sql)}) as moved
    order by seq`;
  return rows.map(toCommitted);
}

/** Who joins and who leaves by `entry`, a row of `message`. Users say nothing that changes who is a member. */
export function movedBy(sql: Queryable) {
  return sql`
    select
      string_agg(user_id::text, ',' order by user_id) filter (where from_seq = entry.seq) as joined,
      string_agg(user_id::text, ',' order by user_id) filter (where to_seq = entry.seq) as "left"
    from member
    where entry.sender_id = 0 and member.conversation_id = entry.conversation_id
      and (from_seq = entry.seq or to_seq = entry.seq)`;
}

export function toCommitted({ joined, left, ...entry }: CommittedRow): Committed {
  return { ...entry, joinedUserIds: toIds(joined), leftUserIds: toIds(left) };
}

function toIds(list: string | null): bigint[] {
  return list === null ? [] : list.split(",").map(BigInt);
}
