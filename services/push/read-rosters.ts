import type { RosterRow } from "../message/log-store.js";
import { bigints, type Queryable } from "../store/store.js";

/** As `LogStore.readRosters`. Uses the primary keys of conversation and member. */
export function readRosters(
  sql: Queryable,
  from: readonly { conversationId: bigint; seq: bigint }[],
): Promise<RosterRow[]> {
  const conversationIds = bigints(from.map((asked) => asked.conversationId));
  const seqs = bigints(from.map((asked) => asked.seq));
  return sql<RosterRow[]>`
    select
      c.conversation_id as "conversationId", c.roster_seq as "rosterSeq",
      m.user_id as "userId", m.from_seq as "fromSeq", m.to_seq as "toSeq"
    from unnest(${conversationIds}::bigint[], ${seqs}::bigint[]) as asked (id, seq)
    join conversation c on c.conversation_id = asked.id
    join member m on m.conversation_id = c.conversation_id and (m.to_seq is null or m.to_seq >= asked.seq)`;
}

/** As `LogStore.readRosterSeqAt`. Reads all memberships: for entries that are published again much later. */
export async function readRosterSeqAt(sql: Queryable, conversationId: bigint, seq: bigint): Promise<bigint> {
  const [row] = await sql<{ rosterSeq: bigint }[]>`
    select coalesce(
      greatest(max(from_seq) filter (where from_seq <= ${seq}), max(to_seq) filter (where to_seq <= ${seq})), 0
    ) as "rosterSeq"
    from member where conversation_id = ${conversationId}`;
  return row?.rosterSeq ?? 0n;
}
