import { ConversationKind } from "../../gen/ts/tidewire/v1/content_pb.js";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import type { Role } from "../../gen/ts/tidewire/v1/group_pb.js";
import { TidewireError } from "../../runtime/error.js";
import type { Routing } from "../push/committed.js";
import { bigints, type Queryable, type Transaction } from "../store/store.js";
import { toStoredId } from "../stored-ids.js";

/** A group's row in `conversation`. */
export type GroupRow = Readonly<{
  conversationId: bigint;
  title: string;
  memberCount: number;
  routing: Routing;
  headSeq: bigint;
  headCounter: bigint;
  createdAt: Date;
}>;

/** Reads a group; undefined if there is none with this id. */
export async function readGroup(sql: Queryable, conversationId: bigint): Promise<GroupRow | undefined> {
  const [row] = await sql<GroupRow[]>`select ${columns(sql)} ${fromGroup(sql, conversationId)}`;
  return row;
}

/**
 * Locks a group as appends do. Read its members only after this, in a statement of its own: the snapshot of a statement
 * predates the wait for its locks.
 * @throws TidewireError `UNKNOWN_CONVERSATION`
 */
export async function lockGroup(tx: Transaction, conversationId: bigint): Promise<GroupRow> {
  const [row] = await tx<GroupRow[]>`select ${columns(tx)} ${fromGroup(tx, conversationId)} for update`;
  if (!row) throw unknownConversation();
  return row;
}

export type Membership = { kind: "present"; role: Role } | { kind: "past" } | { kind: "never" };

/** What a user is to a conversation. Uses the index member_of_user. */
export async function readMembership(sql: Queryable, conversationId: bigint, userId: bigint): Promise<Membership> {
  const [row] = await sql<Array<{ present: boolean; role: Role }>>`
    select to_seq is null as present, role from member
    where conversation_id = ${toStoredId(conversationId)} and user_id = ${userId}
    order by from_seq desc limit 1`;
  if (!row) return { kind: "never" };
  return row.present ? { kind: "present", role: row.role } : { kind: "past" };
}

/** @throws TidewireError `UNKNOWN_CONVERSATION`, `NOT_A_MEMBER` */
export async function requireMember(sql: Queryable, conversationId: bigint, userId: bigint): Promise<void> {
  const { kind } = await readMembership(sql, conversationId, userId);
  if (kind === "never") throw unknownConversation();
  if (kind === "past") throw new TidewireError(ErrorCode.NOT_A_MEMBER, "you have left this group");
}

/** Those of `userIds` who are members now. */
export async function findPresent(
  tx: Transaction,
  conversationId: bigint,
  userIds: readonly bigint[],
): Promise<Set<bigint>> {
  const rows = await tx<Array<{ userId: bigint }>>`
    select user_id as "userId" from member
    where conversation_id = ${conversationId} and user_id = any(${bigints(userIds)}::bigint[])
      and to_seq is null`;
  return new Set(rows.map((row) => row.userId));
}

/** Begins memberships. What came before them counts as read: it is not theirs to read. */
export async function insertMembers(
  tx: Transaction,
  group: { conversationId: bigint; headSeq: bigint; headCounter: bigint },
  userIds: readonly bigint[],
  role: Role,
): Promise<void> {
  await tx`
    insert into member (conversation_id, user_id, from_seq, role, read_seq, read_counter)
    select ${group.conversationId}, user_id, ${group.headSeq + 1n}, ${role}, ${group.headSeq}, ${group.headCounter}
    from unnest(${bigints(userIds)}::bigint[]) as joining (user_id)`;
}

export function unknownConversation(): TidewireError {
  return new TidewireError(ErrorCode.UNKNOWN_CONVERSATION, "there is no such group for this user");
}

function columns(sql: Queryable) {
  return sql`conversation_id as "conversationId", title, member_count as "memberCount", routing,
    head_seq as "headSeq", head_counter as "headCounter", created_at as "createdAt"`;
}

function fromGroup(sql: Queryable, conversationId: bigint) {
  return sql`from conversation
    where conversation_id = ${toStoredId(conversationId)} and kind = ${ConversationKind.GROUP}`;
}
