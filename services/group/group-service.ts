import type { ServiceImpl } from "@connectrpc/connect";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import type { GroupService } from "../../gen/ts/tidewire/v1/group_pb.js";
import { TidewireError } from "../../runtime/error.js";
import { checkDisplayText } from "../account/names.js";
import { callerOf } from "../context.js";
import { addMembers } from "./add-members.js";
import type { GroupDeps } from "./changes.js";
import { createGroup } from "./create-group.js";
import { type GroupRow, readGroup, requireMember, unknownConversation } from "./group-rows.js";
import { leaveGroup } from "./leave-group.js";
import { listMembers } from "./members.js";

const membersPageMax = 500;

/** The handlers of `GroupService`. Requests have passed the contract's field limits before. */
export function createGroupService(deps: GroupDeps): ServiceImpl<typeof GroupService> {
  const { sql } = deps;
  return {
    async createGroup({ title, userIds }, context) {
      const { userId: callerId } = callerOf(context);
      if (title === "") throw invalid("title: 1 to 255 bytes");
      checkDisplayText("title", title);
      return { group: toGroup(await createGroup(deps, { callerId, title, userIds })) };
    },

    async getGroup({ conversationId }, context) {
      const { userId } = callerOf(context);
      const group = await readGroup(sql, conversationId);
      if (!group) throw unknownConversation();
      await requireMember(sql, conversationId, userId);
      return { group: toGroup(group) };
    },

    async listMembers({ conversationId, afterUserId, limit }, context) {
      const { userId } = callerOf(context);
      if (!(await readGroup(sql, conversationId))) throw unknownConversation();
      await requireMember(sql, conversationId, userId);
      return await listMembers(sql, {
        conversationId,
        afterUserId,
        limit: Math.min(limit || membersPageMax, membersPageMax),
      });
    },

    async addMembers({ conversationId, userIds }, context) {
      const { userId: callerId } = callerOf(context);
      if (userIds.length === 0) throw invalid("user_ids: 1 to 200");
      return { group: toGroup(await addMembers(deps, { callerId, conversationId, userIds })) };
    },

    async leaveGroup({ conversationId }, context) {
      const { userId: callerId } = callerOf(context);
      await leaveGroup(deps, { callerId, conversationId });
      return {};
    },
  };
}

function toGroup({ conversationId, title, memberCount, createdAt }: GroupRow) {
  return { conversationId, title, memberCount, createdAtMs: BigInt(createdAt.getTime()) };
}

function invalid(message: string): TidewireError {
  return new TidewireError(ErrorCode.INVALID_ARGUMENT, message);
}
