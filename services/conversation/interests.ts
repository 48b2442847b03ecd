import { both, byConversation } from "../push/committed.js";
import type { Queryable } from "../store/store.js";
import { toStoredId } from "../stored-ids.js";

/** A conversation that is, or is about to be, delivered by conversation, and the seq of its latest change of members. */
export type InterestRow = Readonly<{ conversationId: bigint; rosterSeq: bigint }>;

/** Those of a user's present conversations that are, or are about to be, delivered by conversation. Uses member_of_user. */
export function listInterests(sql: Queryable, userId: bigint): Promise<InterestRow[]> {
  return sql<InterestRow[]>`
    select conversation_id as "conversationId", roster_seq as "rosterSeq"
    from member join conversation using (conversation_id)
    where user_id = ${toStoredId(userId)} and to_seq is null and routing in (${byConversation}, ${both})`;
}
