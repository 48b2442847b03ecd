import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { lowestIdAt, timeOfId } from "../../runtime/ids.js";
import { createMetrics } from "../../runtime/metrics.js";
import { recentMax } from "../../services/message/log-store.js";
import type { Committed } from "../../services/push/committed.js";
import type { PublishOutcome } from "../../services/push/publish.js";
import { createSweeper } from "../../services/push/sweeper.js";
import { createManualClock } from "../support/clock.js";

const never = new AbortController().signal;

/** The last entry of a conversation, stored at a time. */
function entryAt(ms: number, conversationId: bigint, change: Partial<Committed> = {}): Committed {
  return {
    conversationId,
    seq: 5n,
    messageId: lowestIdAt(ms) + conversationId,
    senderId: 1n,
    senderDevice: 1,
    clientId: 1n,
    sentAtMs: BigInt(ms),
    counter: 1n,
    content: new Uint8Array(0),
    rosterSeq: 0n,
    routing: 1,
    ...change,
  };
}

/** A sweeper over a store that holds `stored`, and what it has published, chunk by chunk. */
function world(onPublish: () => void = () => {}) {
  const clock = createManualClock();
  const metrics = createMetrics();
  const stored: Committed[] = [];
  /** How far back each reading looked, in milliseconds. */
  const lookedBackMs: number[] = [];
  const chunks: (readonly Committed[])[] = [];
  const outcomes: PublishOutcome[] = [];
  let failures = 0;
  const sweeper = createSweeper({
    logs: {
      async readRecent(since, after = 0n) {
        if (failures-- > 0) throw new Error("the store is away");
        lookedBackMs.push(clock.nowMs() - timeOfId(since));
        const recent = stored.filter(({ messageId }) => messageId >= since && messageId > after);
        return recent.sort((a, b) => (a.messageId < b.messageId ? -1 : 1)).slice(0, recentMax);
      },
    },
    publisher: {
      async publish(entries) {
        chunks.push(entries);
        onPublish();
        return outcomes.shift() ?? "published";
      },
    },
    clock,
    metrics,
  });
  return {
    clock,
    metrics,
    stored,
    lookedBackMs,
    chunks,
    /** What becomes of the next chunks. */
    outcomes,
    sweep: (signal = never) => sweeper.sweep(signal),
    failNext: (count: number) => {
      failures = count;
    },
  };
}

describe("the sweeper", () => {
  it("publishes what was stored lately once more", async () => {
    const { clock, stored, chunks, metrics, sweep } = world();
    const roster = entryAt(clock.nowMs(), 1n, { seq: 4n });
    const last = entryAt(clock.nowMs(), 2n);
    stored.push(roster, last);
    await sweep();
    assert.deepEqual(chunks, [[roster, last]]);
    assert.equal((await metrics.sweeps.get()).values[0]?.value, 1);
    assert.equal((await metrics.sweptEntries.get()).values[0]?.value, 2);
  });

  it("looks back a minute at first, and then to ten seconds before the sweep before it", async () => {
    const { clock, lookedBackMs, sweep } = world();
    await sweep();
    clock.advance(10_000);
    await sweep();
    clock.advance(25_000);
    await sweep();
    assert.deepEqual(lookedBackMs, [60_000, 20_000, 35_000]);
  });

  it("looks further back after a failure, but never more than five minutes", async () => {
    const { clock, lookedBackMs, sweep, failNext } = world();
    await sweep();
    clock.advance(10_000);
    failNext(1);
    await assert.rejects(sweep(), /away/);
    clock.advance(10_000);
    await sweep();
    clock.advance(600_000);
    await sweep();
    assert.deepEqual(lookedBackMs, [60_000, 30_000, 300_000]);
  });

  it("looks as far back as the one before if that could not publish all", async () => {
    const { clock, stored, outcomes, lookedBackMs, metrics, sweep } = world();
    await sweep();
    clock.advance(10_000);
    for (let id = 1n; id <= 400n; id++) stored.push(entryAt(clock.nowMs(), id));
    outcomes.push("failed", "published");
    await assert.rejects(sweep(), /200 entries could not be published again/);
    assert.equal((await metrics.sweptEntries.get()).values[0]?.value, 200);
    assert.equal((await metrics.sweeps.get()).values[0]?.value, 1);
    clock.advance(10_000);
    await sweep();
    clock.advance(10_000);
    await sweep();
    assert.deepEqual(lookedBackMs, [60_000, 20_000, 30_000, 20_000]);
  });

  it("ends with what could not be published in time", async () => {
    const { clock, stored, outcomes, chunks, lookedBackMs, sweep } = world();
    for (let id = 1n; id <= 400n; id++) stored.push(entryAt(clock.nowMs(), id));
    outcomes.push("late");
    await assert.rejects(sweep(), /takes more than 5000 ms/);
    assert.equal(chunks.length, 1);
    clock.advance(10_000);
    await sweep();
    assert.deepEqual(lookedBackMs, [60_000, 70_000], "the first one, too, is made up for");
  });

  it("misses nothing though the wall clock steps back", async () => {
    const { clock, lookedBackMs, sweep } = world();
    await sweep();
    clock.advance(10_000);
    clock.stepWall(-3_600_000);
    await sweep();
    assert.deepEqual(lookedBackMs, [60_000, 10_000]);
  });

  it("reads on where a full reading ended, and publishes all of it in chunks that let others run", async () => {
    let turn = 0;
    let turning = setImmediate(function count() {
      turn += 1;
      turning = setImmediate(count);
    });
    const publishedInTurn: number[] = [];
    const { clock, stored, chunks, lookedBackMs, sweep } = world(() => publishedInTurn.push(turn));
    const count = recentMax + 150;
    for (let id = 1n; id <= BigInt(count); id += 1n) stored.push(entryAt(clock.nowMs(), id));
    await sweep();
    clearImmediate(turning);
    const published = chunks.flat().map(({ conversationId }) => conversationId);
    assert.equal(published.length, count);
    assert.equal(new Set(published).size, count);
    assert.ok(chunks.every((chunk) => chunk.length <= 200));
    assert.deepEqual(lookedBackMs, [60_000, 60_000]);
    assert.equal(new Set(publishedInTurn).size, chunks.length);
  });

  it("stops between two chunks when it is told to", async () => {
    const stop = new AbortController();
    const { clock, stored, chunks, sweep } = world(() => stop.abort());
    for (let id = 1n; id <= 500n; id += 1n) stored.push(entryAt(clock.nowMs(), id));
    await sweep(stop.signal);
    assert.equal(chunks.length, 1);
  });
});
