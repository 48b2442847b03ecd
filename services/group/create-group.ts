import { create } from "@bufbuild/protobuf";
import { ConversationKind, EventSchema } from "../../gen/ts/tidewire/v1/content_pb.js";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { Role } from "../../gen/ts/tidewire/v1/group_pb.js";
import { TidewireError } from "../../runtime/error.js";
import { findUnknown } from "../account/accounts.js";
import { inTransaction, type Queryable, type Transaction } from "../store/store.js";
import { appendChange, type GroupDeps } from "./changes.js";
import { type GroupRow, insertMembers, lockGroup } from "./group-rows.js";
import { firstRouting } from "./routing.js";

/**
 * Creates a group of the caller and `userIds`. Its log begins with the entry that says so, and everyone's membership with
 * that entry.
 * @throws TidewireError `UNKNOWN_USER`
 */
export async function createGroup(
  deps: GroupDeps,
  request: { callerId: bigint; title: string; userIds: readonly bigint[] },
): Promise<GroupRow> {
  const others = [...new Set(request.userIds)].filter((userId) => userId !== request.callerId);
  const [group, committed] = await inTransaction(deps.sql, async (tx) => {
    await requireUsers(tx, [request.callerId, ...others]);
    const conversationId = await insertGroup(tx, deps, { title: request.title, memberCount: others.length + 1 });
    // Nobody else can see the row yet; taking its lock all the same keeps the one order of every change.
    const created = await lockGroup(tx, conversationId);
    await insertMembers(tx, created, [request.callerId], Role.OWNER);
    await insertMembers(tx, created, others, Role.MEMBER);
    const userIds = [request.callerId, ...others];
    const value = { title: request.title, byUserId: request.callerId, userIds };
    const event = create(EventSchema, { kind: { case: "groupCreated", value } });
    return [created, await appendChange(tx, deps, created, event)] as const;
  });
  await deps.publisher.publish([committed]);
  return group;
}

async function insertGroup(
  tx: Transaction,
  deps: GroupDeps,
  group: { title: string; memberCount: number },
): Promise<bigint> {
  const conversationId = deps.ids.next();
  const routing = firstRouting(group.memberCount, deps.routeByConversationAbove);
  await tx`
    insert into conversation (conversation_id, kind, title, member_count, routing, created_at)
    values (${conversationId}, ${ConversationKind.GROUP}, ${group.title}, ${group.memberCount}, ${routing},
      ${new Date(deps.clock.nowMs())})`;
  return conversationId;
}

/** @throws TidewireError `UNKNOWN_USER` naming the first who does not exist. */
export async function requireUsers(sql: Queryable, userIds: readonly bigint[]): Promise<void> {
  const unknown = await findUnknown(sql, userIds);
  if (unknown !== undefined) throw new TidewireError(ErrorCode.UNKNOWN_USER, `there is no user ${unknown}`);
}
