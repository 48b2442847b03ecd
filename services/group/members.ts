import type { Role } from "../../gen/ts/tidewire/v1/group_pb.js";
import type { Queryable } from "../store/store.js";
import { toStoredId, toStoredSeq } from "../stored-ids.js";

export type MemberRow = Readonly<{ userId: bigint; role: Role; fromSeq: bigint }>;

/** The present members above a user id, by rising user id. Uses the index member_present. */
export async function listMembers(
  sql: Queryable,
  page: { conversationId: bigint; afterUserId: bigint; limit: number },
): Promise<{ members: MemberRow[]; hasMore: boolean }> {
  const rows = await sql<MemberRow[]>`
    select user_id as "userId", role, from_seq as "fromSeq" from member
    where conversation_id = ${toStoredId(page.conversationId)} and to_seq is null
      and user_id > ${toStoredSeq(page.afterUserId)}
    order by user_id
    limit ${page.limit + 1}`;
  return { members: rows.slice(0, page.limit), hasMore: rows.length > page.limit };
}
