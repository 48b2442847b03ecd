import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { createLane } from "../../gateway/uplink/lane.js";

const options = { queueMaxBytes: 120, batchMaxBytes: 50, batchMax: 4, patienceMs: 5_000 };

type Entry = { id: number; bytes: number };

/** A lane without cleverness: two lists, and the times at which the batch has failed. */
class NaiveLane {
  waiting: Entry[] = [];
  flying: Entry[] | undefined;
  #failedAtMs: number[] = [];

  get queuedBytes(): number {
    return bytesOf(this.waiting);
  }

  /** Entries are added as long as what is there is below the size, and below the number. */
  take(): Entry[] | undefined {
    if (this.flying || this.waiting.length === 0) return undefined;
    const batch: Entry[] = [];
    while (this.waiting.length > 0 && batch.length < options.batchMax && bytesOf(batch) < options.batchMaxBytes)
      batch.push(this.waiting.shift() as Entry);
    this.flying = batch;
    this.#failedAtMs = [];
    return batch;
  }

  settled(): void {
    this.flying = undefined;
  }

  fail(nowMs: number): { delayMs: number } | { dropped: Entry[] } {
    this.#failedAtMs.push(nowMs);
    const [firstMs = nowMs] = this.#failedAtMs;
    const delayMs = Math.min(1_000, 25 * 2 ** this.#failedAtMs.length);
    if (nowMs - firstMs < options.patienceMs || this.#failedAtMs.length === 1) return { delayMs };
    const dropped = [...(this.flying ?? []), ...this.waiting];
    this.flying = undefined;
    this.waiting = [];
    return { dropped };
  }
}

function bytesOf(entries: readonly Entry[]): number {
  return entries.reduce((sum, { bytes }) => sum + bytes, 0);
}

const commands = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ kind: fc.constant("offer" as const), bytes: fc.integer({ min: 1, max: 70 }) }),
    },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("take" as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("settled" as const) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("failed" as const), afterMs: fc.nat(2_500) }) },
  ),
  { maxLength: 80, size: "max" },
);

describe("lane, beside two lists,", () => {
  it("takes the same entries up to its bound, cuts the same batches, waits as long, and gives up as late", () => {
    let gaveUp = 0;
    let full = 0;
    fc.assert(
      fc.property(commands, (sequence) => {
        const naive = new NaiveLane();
        const lane = createLane<Entry>(options);
        let nowMs = 0;
        for (const [id, command] of sequence.entries()) {
          if (command.kind === "offer") {
            const isFull = naive.queuedBytes + command.bytes > options.queueMaxBytes;
            assert.equal(lane.isFull(command.bytes), isFull);
            if (isFull) full++;
            if (isFull) continue;
            const entry = { id, bytes: command.bytes };
            naive.waiting.push(entry);
            lane.offer(entry, entry.bytes);
          } else if (command.kind === "take") assert.deepEqual(lane.take(), naive.take());
          else if (naive.flying === undefined) continue;
          else if (command.kind === "settled") {
            naive.settled();
            lane.settled();
          } else {
            nowMs += command.afterMs;
            const batch = naive.flying;
            const expected = naive.fail(nowMs);
            const failure = lane.failed(nowMs);
            if ("dropped" in expected) assert.deepEqual(failure, { kind: "give-up", ...expected });
            else assert.deepEqual(failure, { kind: "repeat", batch, ...expected });
            if (failure.kind === "give-up") gaveUp++;
          }
          assert.equal(lane.queuedBytes, naive.queuedBytes);
          assert.ok(lane.queuedBytes <= options.queueMaxBytes);
          assert.equal(lane.isIdle, naive.flying === undefined && naive.waiting.length === 0);
        }
      }),
      { numRuns: 5_000 },
    );
    assert.ok(gaveUp > 200 && full > 1_000, `gave up ${gaveUp} times, was full ${full} times`);
  });
});
