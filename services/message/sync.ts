import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { type SyncPage, SyncPageSchema } from "../../gen/ts/tidewire/v1/frame_pb.js";
import type { SyncRequest } from "../../gen/ts/tidewire/v1/message_pb.js";
import { unreachable } from "../../runtime/error.js";
import type { Sql } from "../store/store.js";
import { toStoredId, toStoredSeq } from "../stored-ids.js";
import { type MessageRow, messageColumns, toMessage } from "./message-rows.js";
import { type Interval, planSync, type SyncPlan } from "./sync-plan.js";

export type PageLimits = Readonly<{ syncPageMax: number; syncPageMaxBytes: number }>;

/** What a message costs in a page besides its content, in bytes. */
const overheadBytes = 64;

/**
 * Reads the next stretch of a log, within the user's membership: at most `limit` messages, and none after the one with which
 * the page passes `syncPageMaxBytes`. Without a request_id.
 */
export async function sync(sql: Sql, limits: PageLimits, request: SyncRequest): Promise<SyncPage> {
  const conversationId = toStoredId(request.conversationId);
  const afterSeq = toStoredSeq(request.afterSeq);
  const { intervals, headSeq } = await readMembership(sql, conversationId, request.userId);
  const plan = planSync({ afterSeq, intervals, headSeq });
  const page = (fields: MessageInitShape<typeof SyncPageSchema>) =>
    create(SyncPageSchema, { conversationId: request.conversationId, ...fields });
  switch (plan.kind) {
    case "unknown":
      return page({ error: ErrorCode.UNKNOWN_CONVERSATION });
    case "reset":
      return page({ reset: { floorSeq: plan.floorSeq, headSeq: plan.headSeq }, headSeq: plan.headSeq, hasMore: true });
    case "nothing":
      return page({ headSeq: plan.headSeq });
    case "read": {
      const limit = Math.min(request.limit || limits.syncPageMax, limits.syncPageMax);
      const rows = await readStretch(sql, conversationId, plan, { limit, bytes: limits.syncPageMaxBytes });
      const lastSeq = rows.at(-1)?.seq ?? plan.headSeq;
      return page({ messages: rows.map(toMessage), headSeq: plan.headSeq, hasMore: lastSeq < plan.headSeq });
    }
    default:
      return unreachable(plan);
  }
}

/** In one statement, so that head and intervals agree. Uses the index member_of_user. */
async function readMembership(
  sql: Sql,
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

/** Uses the primary key. The size of a large content is known without reading it. */
function readStretch(
  sql: Sql,
  conversationId: bigint,
  { firstSeq, lastSeq }: Extract<SyncPlan, { kind: "read" }>,
  max: { limit: number; bytes: number },
): Promise<MessageRow[]> {
  return sql<MessageRow[]>`
    select ${messageColumns(sql)}
    from (
      select *, sum(octet_length(content) + ${overheadBytes}) over (order by seq) - octet_length(content) as bytes_before
      from (
        select * from message
        where conversation_id = ${conversationId} and seq between ${firstSeq} and ${lastSeq}
        order by seq limit ${max.limit}
      ) as stretch
    ) as measured
    where bytes_before <= ${max.bytes}
    order by seq`;
}
