import { bigints, type Queryable } from "../store/store.js";
import { toStoredId, toStoredSeq } from "../stored-ids.js";

/** Up to where a user has read a conversation. */
export type ReadCursor = Readonly<{ conversationId: bigint; seq: bigint }>;

/**
 * Moves a user's read marks forward, in one statement. A mark never falls, and never passes the last seq that there is
 * for this user. Conversations that the user is not in are left out.
 */
export async function markRead(sql: Queryable, userId: bigint, cursors: readonly ReadCursor[]): Promise<void> {
  if (cursors.length === 0) return;
  const conversationIds = bigints(cursors.map((cursor) => toStoredId(cursor.conversationId)));
  const seqs = bigints(cursors.map((cursor) => toStoredSeq(cursor.seq)));
  // Locks the latest membership rows by rising conversation, so that two batches of one user cannot deadlock. What the
  // wait for a lock may make stale is the head alone, and an older head is only a lower cap. The counter comes from the
  // message itself, by primary key.
  await sql`
    with mark as (
      select conversation_id, max(seq) as seq
      from unnest(${conversationIds}::bigint[], ${seqs}::bigint[]) as cursor (conversation_id, seq)
      group by conversation_id
    ),
    held as (
      select conversation_id, user_id, from_seq, to_seq, mark.seq
      from member join mark using (conversation_id)
      where user_id = ${userId} and read_seq < mark.seq and not exists (
        select from member as later
        where later.conversation_id = member.conversation_id and later.user_id = member.user_id
          and later.from_seq > member.from_seq
      )
      order by conversation_id
      for update of member
    ),
    capped as (
      select held.conversation_id, held.user_id, held.from_seq, read.seq, (
        select counter from message
        where message.conversation_id = held.conversation_id and message.seq <= read.seq
        order by message.seq desc limit 1
      ) as counter
      from held
      join conversation using (conversation_id)
      cross join lateral (select least(held.seq, held.to_seq, head_seq) as seq) as read
    )
    update member
    set read_seq = capped.seq,
        read_counter = greatest(read_counter, capped.counter),
        changed = pg_current_xact_id()
    from capped
    where member.conversation_id = capped.conversation_id and member.user_id = capped.user_id
      and member.from_seq = capped.from_seq and member.read_seq < capped.seq`;
}
