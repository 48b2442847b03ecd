import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { fullBucket, take } from "../../runtime/gcra.js";

const rates = fc.record({ burst: fc.integer({ min: 1, max: 20 }), refillMs: fc.integer({ min: 1, max: 1_000 }) });
const waits = fc.array(fc.oneof(fc.constant(0), fc.nat(50), fc.nat(5_000)), { maxLength: 120, size: "max" });

describe("gcra, beside a bucket that is refilled millisecond by millisecond,", () => {
  it("allows and refuses the same, and names the very wait that is needed", () => {
    let limited = 0;
    fc.assert(
      fc.property(rates, waits, fc.nat(1_000_000), (rate, sequence, startMs) => {
        const fullMs = rate.burst * rate.refillMs;
        let levelMs = fullMs; // a token is `refillMs` of it
        let state = fullBucket;
        let nowMs = startMs;
        for (const waitMs of sequence) {
          nowMs += waitMs;
          levelMs = Math.min(fullMs, levelMs + waitMs);
          const [next, verdict] = take(state, rate, nowMs);
          if (levelMs >= rate.refillMs) {
            assert.deepEqual(verdict, { kind: "allowed" });
            levelMs -= rate.refillMs;
            assert.equal(next - nowMs, fullMs - levelMs, "the state says when the bucket is full again");
          } else {
            limited++;
            assert.deepEqual(verdict, { kind: "limited", retryAfterMs: rate.refillMs - levelMs });
            assert.equal(next, state, "a refusal costs nothing");
          }
          state = next;
        }
      }),
      { numRuns: 5_000 },
    );
    assert.ok(limited > 5_000, `refused ${limited} times`);
  });
});
