import type { Event } from "../../gen/ts/tidewire/v1/content_pb.js";
import type { Clock } from "../../runtime/clock.js";
import type { IdGenerator } from "../../runtime/ids.js";
import { appendEvent } from "../message/append-event.js";
import type { Committed } from "../push/committed.js";
import type { Publisher } from "../push/publish.js";
import type { Sql, Transaction } from "../store/store.js";
import type { GroupRow } from "./group-rows.js";
import { bothMs, nextRouting } from "./routing.js";

export type GroupDeps = Readonly<{
  sql: Sql;
  ids: IdGenerator;
  clock: Clock;
  publisher: Pick<Publisher, "publish">;
  /** Most members of a group. */
  groupMembersMax: number;
  /** With more members than this, messages are delivered by conversation and no longer by user. */
  routeByConversationAbove: number;
}>;

/** Stores how many members a locked group now has, and the routing that follows from it. */
export async function setMemberCount(
  tx: Transaction,
  deps: Pick<GroupDeps, "routeByConversationAbove" | "clock">,
  group: GroupRow,
  memberCount: number,
): Promise<GroupRow> {
  const routing = nextRouting(group.routing, memberCount, deps.routeByConversationAbove);
  const untilMs = deps.clock.nowMs() + bothMs;
  await tx`
    update conversation
    set member_count = ${memberCount},
        routing = ${routing},
        routing_until_ms = case when routing = ${routing} then routing_until_ms else ${untilMs}::bigint end
    where conversation_id = ${group.conversationId}`;
  return { ...group, memberCount, routing };
}

/**
 * Appends the entry that tells of a change to a locked group.
 * @throws Error if it does not get the seq that memberships were written with: a bug, for the lock is ours.
 */
export async function appendChange(
  tx: Transaction,
  deps: Pick<GroupDeps, "ids" | "clock">,
  group: GroupRow,
  event: Event,
): Promise<Committed> {
  const entry = await appendEvent(tx, {
    conversationId: group.conversationId,
    event,
    messageId: deps.ids.next(),
    sentAtMs: deps.clock.nowMs(),
  });
  if (entry.seq !== group.headSeq + 1n) throw new Error(`group entry got seq ${entry.seq}, not ${group.headSeq + 1n}`);
  return entry;
}
