import { type Evidence, entryAt, isWithin } from "./evidence.js";
import type { Finding, Invariant } from "./invariant.js";

/** Who gets to read what. */
export const membersOnly: Invariant = {
  number: 12,
  title: "nobody receives a message from outside their membership",
  *check(evidence) {
    for (const { atMs, gateway, userId, conversationId, seq, by } of evidence.records.handed) {
      const problem = findIntrusion(evidence, atMs, { userId, conversationId, seq });
      if (problem !== undefined)
        yield { atMs, what: `${gateway} gave ${conversationId}/${seq} by ${by} to ${problem}` };
    }
    yield* findApplied(evidence);
  },
};

function* findApplied(evidence: Evidence): Iterable<Finding> {
  const users = new Map(evidence.facts.devices.map(({ deviceId, userId }) => [deviceId, userId]));
  for (const application of evidence.records.applications) {
    if (application.kind !== "applied") continue;
    const { atMs, deviceId, message } = application;
    const userId = users.get(deviceId) ?? 0n;
    const problem = findIntrusion(evidence, atMs, { ...message, userId });
    if (problem !== undefined)
      yield { atMs, what: `${deviceId} applied ${message.conversationId}/${message.seq}: ${problem}` };
  }
}

/** A device that was paused may have got what it applies before the store was restored. */
function findIntrusion(
  { eras }: Evidence,
  atMs: number,
  { userId, conversationId, seq }: { userId: bigint; conversationId: bigint; seq: bigint },
): string | undefined {
  for (const era of eras) {
    const conversation = era.state.conversations.get(conversationId);
    if (era.fromMs > atMs || conversation === undefined || entryAt(era, conversationId, seq) === undefined) continue;
    if (isWithin(conversation, userId, seq)) return undefined;
  }
  return `user ${userId}, who was no member there`;
}
