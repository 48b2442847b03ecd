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
/** How far back the first sweep of a process looks: until then another process swept. In milliseconds. */
const firstReachMs = 60_000;
/** How far back a sweep looks at most, however long sweeps have failed, in milliseconds. */
const reachMaxMs = 300_000;
/** Entries that are published in one turn of the event loop. */
const chunkMax = 200;
/** How long a chunk may take, in milliseconds. Nobody waits for a sweep, and one that is given up has to be done again. */
const patienceMs = 5_000;

/**
 * Publishes once more what was committed lately. A gateway that has got an entry drops it; one that lacks it, or one before
 * it, sees that. This is how a push that was lost at the tail of a quiet conversation is found.
 */
export interface Sweeper {
  /**
   * @throws Error if some of it could not be read, or could not be published; the next sweep begins where this one began. What is
   * published twice costs little; what two sweeps took for published in vain, nobody would ever look for again.
   */
  sweep(signal: AbortSignal): Promise<void>;
}

export function createSweeper(deps: {
  logs: Pick<LogStore, "readRecent">;
  publisher: Pick<Publisher, "publish">;
  clock: Clock;
  metrics: Metrics;
}): Sweeper {
  const { logs, publisher, clock, metrics } = deps;
  let sweptMs: number | undefined;

  /** How many entries could not be published. What could not be in time ends the sweep: the rest would only wait, too. */
  async function publishAll(entries: readonly Committed[], signal: AbortSignal): Promise<number> {
    let failed = 0;
    for (let first = 0; first < entries.length && !signal.aborted; first += chunkMax) {
      const chunk = entries.slice(first, first + chunkMax);
      const outcome = await publisher.publish(chunk, patienceMs);
      if (outcome === "late")
        throw new Error(`publishing ${chunk.length} entries again takes more than ${patienceMs} ms`);
      if (outcome === "failed") failed += chunk.length;
      else metrics.sweptEntries.inc(chunk.length);
      await nextTurn(clock);
    }
    return failed;
  }

  function whereToBegin(startMs: number): number {
    sweptMs ??= startMs + overlapMs - firstReachMs;
    return Math.max(Math.min(sweptMs, startMs) - overlapMs, startMs - reachMaxMs);
  }

  return {
    async sweep(signal) {
      const startMs = clock.nowMs();
      const fromMs = whereToBegin(startMs);
      let failed = 0;
      for (let after: bigint | undefined = 0n; after !== undefined && !signal.aborted; ) {
        const entries: Committed[] = await logs.readRecent(lowestIdAt(fromMs), after);
        failed += await publishAll(entries, signal);
        after = whereToReadOn(entries);
      }
      if (failed > 0) throw new Error(`${failed} entries could not be published again`);
      if (signal.aborted) return;
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
