import type { Clock } from "../../runtime/clock.js";
import { lowestIdAt } from "../../runtime/ids.js";
import type { Metrics } from "../../runtime/metrics.js";
import { type LogStore, recentMax } from "../message/log-store.js";
import type { Committed } from "./committed.js";
import type { Publisher } from "./publish.js";

/**
 * An id is minted before its message is committed, and on the clock of another host perhaps: a sweep begins this much before
 * the one before it began, in milliseconds.
 */
const overlapMs = 10_000;
/** How far back a sweep looks at most, and the first one of a process: until then another process swept. In milliseconds. */
const reachMs = 60_000;
/** Entries that are published in one turn of the event loop. */
const chunkMax = 200;

/**
 * Publishes once more what was committed lately. A gateway that has got an entry drops it; one that lacks it, or one before
 * it, sees that. This is how a push that was lost at the tail of a quiet conversation is found.
 */
export interface Sweeper {
  /** @throws whatever the store throws; the next sweep looks as far back as this one. */
  sweep(signal: AbortSignal): Promise<void>;
}

export function createSweeper(deps: {
  logs: Pick<LogStore, "readRecent">;
  publisher: Pick<Publisher, "publish">;
  clock: Clock;
  metrics: Metrics;
}): Sweeper {
  const { logs, publisher, clock, metrics } = deps;
  let sweptMs = Number.NEGATIVE_INFINITY;

  async function publishAll(entries: readonly Committed[], signal: AbortSignal) {
    for (let first = 0; first < entries.length && !signal.aborted; first += chunkMax) {
      const chunk = entries.slice(first, first + chunkMax);
      await publisher.publish(chunk);
      metrics.sweptEntries.inc(chunk.length);
      await nextTurn(clock);
    }
  }

  return {
    async sweep(signal) {
      const startMs = clock.nowMs();
      const fromMs = Math.max(Math.min(sweptMs, startMs) - overlapMs, startMs - reachMs);
      for (let after: bigint | undefined = 0n; after !== undefined && !signal.aborted; ) {
        const entries: Committed[] = await logs.readRecent(lowestIdAt(fromMs), after);
        await publishAll(entries, signal);
        after = whereToReadOn(entries);
      }
      sweptMs = startMs;
      metrics.sweeps.inc();
    },
  };
}

/** The id of the last entry of the last conversation; undefined if there are no more after it. */
function whereToReadOn(entries: readonly Committed[]): bigint | undefined {
  const conversations = new Set(entries.map((entry) => entry.conversationId));
  return conversations.size < recentMax ? undefined : entries.at(-1)?.messageId;
}

function nextTurn(clock: Clock): Promise<void> {
  return new Promise((resolve) => clock.nextTurn(resolve));
}
