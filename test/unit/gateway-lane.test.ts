import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { createLane, type LaneOptions } from "../../gateway/uplink/lane.js";

const defaults: LaneOptions = { queueMaxBytes: 100, batchMaxBytes: 30, batchMax: 3, patienceMs: 10_000 };

/** A lane in which these entries wait, each with its size in bytes. */
function laneWith(entries: Record<string, number>, options: Partial<LaneOptions> = {}) {
  const lane = createLane<string>({ ...defaults, ...options });
  for (const [entry, bytes] of Object.entries(entries)) lane.offer(entry, bytes);
  return lane;
}

describe("lane", () => {
  it("lets a message leave at once when nothing is in flight", () => {
    assert.deepEqual(laneWith({ a: 1 }).take(), ["a"]);
  });

  it("has one batch in flight, and makes the next of what arrives meanwhile", () => {
    const lane = laneWith({ a: 1 });
    lane.take();
    lane.offer("b", 1);
    lane.offer("c", 1);
    assert.equal(lane.take(), undefined);
    lane.settled();
    assert.deepEqual(lane.take(), ["b", "c"]);
  });

  it("cuts a batch by the number of its entries", () => {
    const lane = laneWith({ a: 1, b: 1, c: 1, d: 1 });
    assert.deepEqual(lane.take(), ["a", "b", "c"]);
    lane.settled();
    assert.deepEqual(lane.take(), ["d"]);
  });

  it("ends a batch with the entry that takes it over its size", () => {
    const lane = laneWith({ a: 29, b: 20, c: 1 });
    assert.deepEqual(lane.take(), ["a", "b"]);
    assert.deepEqual(laneWith({ a: 30, b: 1 }).take(), ["a"]);
  });

  it("says when it is full, to the byte, and counts what waits but not what is in flight", () => {
    const lane = laneWith({ a: 60 });
    assert.equal(lane.isFull(40), false);
    assert.equal(lane.isFull(41), true);
    lane.take();
    assert.equal(lane.queuedBytes, 0);
    assert.equal(lane.isFull(100), false);
  });

  it("is idle when nothing waits and nothing is in flight", () => {
    const lane = laneWith({});
    assert.equal(lane.isIdle, true);
    assert.equal(lane.take(), undefined);
    lane.offer("a", 1);
    assert.equal(lane.isIdle, false);
    lane.take();
    assert.equal(lane.isIdle, false);
    lane.settled();
    assert.equal(lane.isIdle, true);
  });

  it("repeats a failed batch unchanged, whatever has arrived meanwhile", () => {
    const lane = laneWith({ a: 1, b: 1 });
    const batch = lane.take();
    lane.offer("c", 1);
    const failure = lane.failed(0);
    assert.equal(failure.kind, "repeat");
    assert.equal(failure.kind === "repeat" && failure.batch, batch);
    assert.equal(lane.take(), undefined, "the failed batch is still in flight");
  });

  it("backs off from 50 ms to one second", () => {
    const lane = laneWith({ a: 1 });
    lane.take();
    const delaysMs = Array.from({ length: 7 }, () => {
      const failure = lane.failed(0);
      return failure.kind === "repeat" ? failure.delayMs : failure.kind;
    });
    assert.deepEqual(delaysMs, [50, 100, 200, 400, 800, 1_000, 1_000]);
  });

  it("starts its patience with the first failure, and anew for the next batch", () => {
    const lane = laneWith({ a: 1, b: 30 }, { batchMax: 1 });
    lane.take();
    assert.equal(lane.failed(5_000).kind, "repeat");
    assert.equal(lane.failed(14_999).kind, "repeat");
    lane.settled();
    lane.take();
    assert.equal(lane.failed(50_000).kind, "repeat");
    assert.equal(lane.failed(59_999).kind, "repeat");
    assert.equal(lane.failed(60_000).kind, "give-up");
  });

  it("drops everything when it gives up, what waits included, for what waits builds on what is lost", () => {
    const lane = laneWith({ a: 1, b: 1, c: 1, d: 1, e: 1 });
    lane.take();
    lane.failed(0);
    assert.deepEqual(lane.failed(10_000), {
      kind: "give-up",
      dropped: ["a", "b", "c", "d", "e"],
    });
    assert.equal(lane.isIdle, true);
    assert.equal(lane.queuedBytes, 0);
    lane.offer("f", 1);
    assert.deepEqual(lane.take(), ["f"]);
  });

  it("takes it for a broken invariant if a batch fails that was never sent", () => {
    assert.throws(() => laneWith({ a: 1 }).failed(0), /without a batch in flight/);
  });
});

type Act = { act: "offer"; bytes: number } | { act: "take" } | { act: "settle" } | { act: "fail"; afterMs: number };

const acts: fc.Arbitrary<Act[]> = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.record({ act: fc.constant("offer" as const), bytes: fc.integer({ min: 1, max: 40 }) }) },
    { weight: 3, arbitrary: fc.constantFrom({ act: "take" as const }, { act: "settle" as const }) },
    { weight: 1, arbitrary: fc.record({ act: fc.constant("fail" as const), afterMs: fc.nat(6_000) }) },
  ),
  { maxLength: 100 },
);

describe("lane, whatever happens in whatever order,", () => {
  it("agrees with a naive queue: keeps order, loses nothing, doubles nothing, and counts its bytes", () => {
    fc.assert(
      fc.property(acts, (sequence) => {
        const lane = createLane<number>(defaults);
        const sizes: number[] = [];
        let waiting: number[] = [];
        let flying: number[] | undefined;
        let nowMs = 0;
        for (const act of sequence) {
          if (act.act === "offer") {
            waiting.push(sizes.length);
            lane.offer(sizes.length, act.bytes);
            sizes.push(act.bytes);
          } else if (act.act === "take") {
            const batch = lane.take();
            assert.equal(batch !== undefined, flying === undefined && waiting.length > 0);
            if (batch) {
              assert.deepEqual(batch, waiting.slice(0, batch.length));
              assert.ok(batch.length <= defaults.batchMax);
              const butLast = batch.slice(0, -1).reduce((sum, id) => sum + (sizes[id] ?? 0), 0);
              assert.ok(butLast < defaults.batchMaxBytes);
              waiting = waiting.slice(batch.length);
              flying = batch;
            }
          } else if (act.act === "settle") {
            lane.settled();
            flying = undefined;
          } else if (flying) {
            nowMs += act.afterMs;
            const failure = lane.failed(nowMs);
            if (failure.kind === "repeat") assert.deepEqual(failure.batch, flying);
            else {
              assert.deepEqual(failure.dropped, [...flying, ...waiting]);
              waiting = [];
              flying = undefined;
            }
          }
          assert.equal(
            lane.queuedBytes,
            waiting.reduce((sum, id) => sum + (sizes[id] ?? 0), 0),
          );
          assert.equal(lane.isIdle, flying === undefined && waiting.length === 0);
        }
      }),
      { numRuns: 3_000 },
    );
  });
});
