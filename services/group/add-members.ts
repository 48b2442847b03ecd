import { create } from "@bufbuild/protobuf";
import { EventSchema } from "../../gen/ts/tidewire/v1/content_pb.js";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { Role } from "../../gen/ts/tidewire/v1/group_pb.js";
import { TidewireError } from "../../runtime/error.js";
import { inTransaction, type Transaction } from "../store/store.js";
import { appendChange, type GroupDeps, setMemberCount } from "./changes.js";
import { requireUsers } from "./create-group.js";
import { findPresent, type GroupRow, insertMembers, lockGroup, requireMember } from "./group-rows.js";

/**
 * Adds users to a group that the caller is a member of, with one entry for all who are new. Who is in already stays so;
 * repeating the call changes nothing.
 * @throws TidewireError `UNKNOWN_CONVERSATION`, `NOT_A_MEMBER`, `UNKNOWN_USER`, `GROUP_FULL`
 */
export async function addMembers(
  deps: GroupDeps,
  request: { callerId: bigint; conversationId: bigint; userIds: readonly bigint[] },
): Promise<GroupRow> {
  const { callerId } = request;
  const [group, committed] = await inTransaction(deps.sql, async (tx) => {
    const present = await lockGroup(tx, request.conversationId);
    await requireMember(tx, present.conversationId, callerId);
    const joining = await findJoining(tx, present, request.userIds);
    if (joining.length === 0) return [present, []] as const;
    const memberCount = present.memberCount + joining.length;
    if (memberCount > deps.groupMembersMax) {
      throw new TidewireError(ErrorCode.GROUP_FULL, `a group may have ${deps.groupMembersMax} members`);
    }
    await insertMembers(tx, present, joining, Role.MEMBER);
    const grown = await setMemberCount(tx, deps, present, memberCount);
    const value = { userIds: joining, byUserId: callerId };
    const event = create(EventSchema, { kind: { case: "membersJoined", value } });
    return [grown, [await appendChange(tx, deps, grown, event)]] as const;
  });
  await deps.publisher.publish([...committed]);
  return group;
}

async function findJoining(tx: Transaction, group: GroupRow, userIds: readonly bigint[]): Promise<bigint[]> {
  const wanted = [...new Set(userIds)];
  await requireUsers(tx, wanted);
  const present = await findPresent(tx, group.conversationId, wanted);
  return wanted.filter((userId) => !present.has(userId));
}
