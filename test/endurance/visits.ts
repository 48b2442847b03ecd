import { type Clock, sleep } from "../../runtime/clock.js";
import type { Chance } from "./chance.js";
import type { Population } from "./population.js";

/** Lets guests come and go until the signal is aborted. Whether a call that failed has done its work is left open. */
export async function keepVisiting(
  { door }: Population,
  { clock, chance, signal }: { clock: Clock; chance: Chance; signal: AbortSignal },
): Promise<void> {
  const conversationId = BigInt(door.conversationId);
  const inside = new Set<string>();
  while (!signal.aborted) {
    const { userId, api } = chance.pick(door.guests);
    const visit = inside.has(userId)
      ? api.group.leaveGroup({ conversationId })
      : door.owner.api.group.addMembers({ conversationId, userIds: [BigInt(userId)] });
    // Also if it failed: the next try goes the other way, so no guess goes wrong for ever.
    await visit.catch(() => {});
    if (!inside.delete(userId)) inside.add(userId);
    await sleep(clock, chance.between(500, 2_500), signal).catch(() => {});
  }
}
