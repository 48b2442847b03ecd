import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { SyncPageSchema } from "../../gen/ts/tidewire/v1/frame_pb.js";
import type { SyncRequest } from "../../gen/ts/tidewire/v1/message_pb.js";
import { unreachable } from "../../runtime/error.js";
import { toStoredId, toStoredSeq } from "../stored-ids.js";
import type { Page } from "./encode-page.js";
import type { LogStore } from "./log-store.js";
import type { MessageRow } from "./message-rows.js";
import { planSync } from "./sync-plan.js";

export type PageLimits = Readonly<{ syncPageMax: number; syncPageMaxBytes: number }>;

/**
 * Reads the next stretch of a log, within the user's membership: at most `limit` messages, and none after the one with which
 * the page passes `syncPageMaxBytes`.
 */
export async function sync(
  logs: Pick<LogStore, "readMembership" | "readStretch">,
  limits: PageLimits,
  request: SyncRequest,
): Promise<Page> {
  const conversationId = toStoredId(request.conversationId);
  const afterSeq = toStoredSeq(request.afterSeq);
  const { intervals, headSeq } = await logs.readMembership(conversationId, request.userId);
  const plan = planSync({ afterSeq, intervals, headSeq });
  const page = (fields: MessageInitShape<typeof SyncPageSchema>, rows: readonly MessageRow[] = []): Page => {
    return { about: create(SyncPageSchema, { conversationId: request.conversationId, ...fields }), rows };
  };
  switch (plan.kind) {
    case "unknown":
      return page({ error: ErrorCode.UNKNOWN_CONVERSATION });
    case "reset":
      return page({ reset: { floorSeq: plan.floorSeq, headSeq: plan.headSeq }, headSeq: plan.headSeq, hasMore: true });
    case "nothing":
      return page({ headSeq: plan.headSeq });
    case "read": {
      const { firstSeq, lastSeq } = plan;
      const limit = Math.min(request.limit || limits.syncPageMax, limits.syncPageMax);
      const stretch = { conversationId, firstSeq, lastSeq, limit, maxBytes: limits.syncPageMaxBytes };
      const rows = await logs.readStretch(stretch);
      const heldSeq = rows.at(-1)?.seq ?? plan.headSeq;
      return page({ headSeq: plan.headSeq, hasMore: heldSeq < plan.headSeq }, rows);
    }
    default:
      return unreachable(plan);
  }
}
