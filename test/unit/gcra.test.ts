import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { fullBucket, type GcraState, take } from "../../runtime/gcra.js";

const rate = { burst: 3, refillMs: 100 };

describe("GCRA", () => {
  it("allows a burst and then one for each refill", () => {
    let state: GcraState = fullBucket;
    const allowedAt: number[] = [];
    for (let nowMs = 0; nowMs <= 500; nowMs += 10) {
      for (;;) {
        const [next, verdict] = take(state, rate, nowMs);
        if (verdict.kind === "limited") break;
        state = next;
        allowedAt.push(nowMs);
      }
    }
    assert.deepEqual(allowedAt, [0, 0, 0, 100, 200, 300, 400, 500]);
  });

  it("charges nothing for a refusal", () => {
    let state: GcraState = fullBucket;
    for (let i = 0; i < 3; i++) [state] = take(state, rate, 0);
    const [after, verdict] = take(state, rate, 40);
    assert.deepEqual(verdict, { kind: "limited", retryAfterMs: 60 });
    assert.equal(after, state);
  });

  it("never allows more than burst and refill, and allows again after the wait that it names", () => {
    const step = fc.record({ waitMs: fc.integer({ min: 0, max: 300 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        let state: GcraState = fullBucket;
        let nowMs = 0;
        const allowedAt: number[] = [];
        for (const { waitMs } of steps) {
          nowMs += waitMs;
          const [next, verdict] = take(state, rate, nowMs);
          state = next;
          if (verdict.kind === "allowed") allowedAt.push(nowMs);
          else assert.equal(take(state, rate, nowMs + verdict.retryAfterMs)[1].kind, "allowed");
        }
        for (const [index, start] of allowedAt.entries())
          for (const [more, end] of allowedAt.slice(index).entries())
            assert.ok(more + 1 <= rate.burst + (end - start) / rate.refillMs);
      }),
    );
  });
});
