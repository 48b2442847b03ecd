import type { DeliveredMark } from "../message/log-store.js";
import { bigints, type Queryable } from "../store/store.js";
import { toStoredId, toStoredSeq } from "../stored-ids.js";

/**
 * As `LogStore.raiseDelivered`, in one statement. Marks of who is not in the conversation are left out. `changed` stays as it
 * is: no device has to hear of a delivered mark by heads.
 */
export async function raiseDelivered(sql: Queryable, marks: readonly DeliveredMark[]): Promise<void> {
  if (marks.length === 0) return;
  const userIds = bigints(marks.map((mark) => toStoredId(mark.userId)));
  const conversationIds = bigints(marks.map((mark) => toStoredId(mark.conversationId)));
  const seqs = bigints(marks.map((mark) => toStoredSeq(mark.seq)));
  // Locks the latest membership rows by rising conversation and user, so that two batches cannot deadlock, nor one with the
  // read marks of a user. A row that fits already is neither locked nor written. An older head is only a lower cap.
  await sql`
    with mark as (
      select conversation_id, user_id, max(seq) as seq
      from unnest(${userIds}::bigint[], ${conversationIds}::bigint[], ${seqs}::bigint[])
        as given (user_id, conversation_id, seq)
      group by conversation_id, user_id
    ),
    held as (
      select conversation_id, user_id, from_seq, to_seq, mark.seq
      from member join mark using (conversation_id, user_id)
      where delivered_seq < mark.seq and not exists (
        select from member as later
        where later.conversation_id = member.conversation_id and later.user_id = member.user_id
          and later.from_seq > member.from_seq
      )
      order by conversation_id, user_id
      for no key update of member
    ),
    capped as (
      select held.conversation_id, held.user_id, held.from_seq, least(held.seq, held.to_seq, head_seq) as seq
      from held join conversation using (conversation_id)
    )
    update member
    set delivered_seq = capped.seq
    from capped
    where member.conversation_id = capped.conversation_id and member.user_id = capped.user_id
      and member.from_seq = capped.from_seq and member.delivered_seq < capped.seq`;
}
