import type { Queryable } from "../store/store.js";
import type { Interval } from "./sync-plan.js";

/** As `LogStore.readMembership`. In one statement, so that head and intervals agree. Uses the index member_of_user. */
export async function readMembership(
  sql: Queryable,
  conversationId: bigint,
  userId: bigint,
): Promise<{ intervals: Interval[]; headSeq: bigint }> {
  const intervals = await sql<(Interval & { headSeq: bigint })[]>`
    select m.from_seq as "fromSeq", m.to_seq as "toSeq", c.head_seq as "headSeq"
    from member m join conversation c using (conversation_id)
    where m.user_id = ${userId} and m.conversation_id = ${conversationId}
    order by m.from_seq`;
  return { intervals, headSeq: intervals[0]?.headSeq ?? 0n };
}
