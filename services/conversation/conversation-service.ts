import type { ServiceImpl } from "@connectrpc/connect";
import type { ConversationService } from "../../gen/ts/tidewire/v1/conversation_pb.js";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { TidewireError } from "../../runtime/error.js";
import type { IdGenerator } from "../../runtime/ids.js";
import { callerOf } from "../context.js";
import { toMessage } from "../message/message-rows.js";
import type { Sql } from "../store/store.js";
import { openDirect } from "./direct.js";
import { readHistory } from "./history.js";
import { listInterests } from "./interests.js";
import { listConversations } from "./list.js";
import { markRead } from "./mark-read.js";

const conversationsPageMax = 100;
const historyPageMax = 200;
const historyPageDefault = 50;

export type ConversationDeps = Readonly<{
  sql: Sql;
  ids: IdGenerator;
  /** A page of history ends with the message that takes it over this size, in bytes. */
  historyPageMaxBytes: number;
}>;

/** The handlers of `ConversationService`. Requests have passed the contract's field limits before. */
export function createConversationService(deps: ConversationDeps): ServiceImpl<typeof ConversationService> {
  const { sql, ids } = deps;
  return {
    async openDirect({ peerUserId }, context) {
      const { userId } = callerOf(context);
      const conversationId = await openDirect(sql, ids, userId, peerUserId);
      if (conversationId === undefined)
        throw new TidewireError(ErrorCode.UNKNOWN_USER, `there is no user ${peerUserId}`);
      return { conversationId };
    },

    async listConversations({ limit, pageToken }, context) {
      const { userId } = callerOf(context);
      return await listConversations(sql, { userId, pageToken, limit: pageSize(limit, conversationsPageMax) });
    },

    async getHistory({ conversationId, beforeSeq, limit }, context) {
      const { userId } = callerOf(context);
      const { messages, hasMore } = await readHistory(sql, {
        userId,
        conversationId,
        beforeSeq,
        limit: pageSize(limit || historyPageDefault, historyPageMax),
        maxBytes: deps.historyPageMaxBytes,
      });
      return { messages: messages.map(toMessage), hasMore };
    },

    async markRead({ userId, cursors }) {
      await markRead(sql, userId, cursors);
      return {};
    },

    async listInterests({ userId }) {
      return { interests: await listInterests(sql, userId) };
    },
  };
}

/** 0 asks for as many as there may be, and so does more than that. */
function pageSize(limit: number, max: number): number {
  return Math.min(limit || max, max);
}
