import type { Committed } from "../push/committed.js";
import { inTransaction, type Sql, type Transaction } from "../store/store.js";
import { recentMax } from "./log-store.js";
import { messageColumns } from "./message-rows.js";
import { type CommittedRow, movedBy, toCommitted } from "./read-committed.js";

/**
 * As `LogStore.readRecent`. Finds the recent messages by message_by_id, which knows of each stretch of the table which ids are
 * in it, and all else by primary key.
 */
export async function readRecent(sql: Sql, sinceMessageId: bigint, afterMessageId = 0n): Promise<Committed[]> {
  const rows = await inTransaction(sql, async (tx) => {
    // Without statistics, which the embedded database never gathers by itself, the whole table would be read.
    await tx`set local enable_seqscan = off`;
    return selectRecent(tx, sinceMessageId, afterMessageId);
  });
  return rows.map(toCommitted);
}

/** Lateral lookups with a limit are done as they are written, whatever statistics say. */
function selectRecent(tx: Transaction, sinceMessageId: bigint, afterMessageId: bigint): Promise<CommittedRow[]> {
  return tx<CommittedRow[]>`
    with lately as materialized (
      select conversation_id, seq, sender_id from message where message_id >= ${sinceMessageId}
    ), recent as (
      select log.*, head.message_id as head_id
      from (select distinct conversation_id from lately) as touched
      cross join lateral (
        select c.conversation_id, head_seq, roster_seq, routing from conversation c
        where c.conversation_id = touched.conversation_id
        limit 1
      ) as log
      cross join lateral (
        select message_id from message where conversation_id = log.conversation_id and seq = log.head_seq limit 1
      ) as head
      where head.message_id >= ${sinceMessageId} and head.message_id > ${afterMessageId}
      order by head_id
      limit ${recentMax}
    ), place as (
      select *, head_seq as seq from recent
      union all
      select recent.*, lately.seq from recent join lately using (conversation_id)
      where lately.sender_id = 0 and lately.seq < recent.head_seq
    )
    select ${messageColumns(tx)}, routing, joined, "left",
      case when joined is not null or "left" is not null then seq else roster_seq end as "rosterSeq"
    from (
      select message.*, place.routing, place.roster_seq, place.head_seq, place.head_id
      from place
      cross join lateral (
        select * from message where conversation_id = place.conversation_id and seq = place.seq limit 1
      ) as message
    ) as entry
    cross join lateral (${movedBy(tx)}) as moved
    where seq = head_seq or joined is not null or "left" is not null
    order by head_id, seq`;
}
