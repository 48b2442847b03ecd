import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { type Interval, planSync } from "../../services/message/sync-plan.js";

/** Memberships of one user, one after the other, the last of which may still go on; and a head that none of them passes. */
const histories = fc
  .record({
    stretches: fc.array(fc.record({ gap: fc.nat(150), length: fc.nat(300) }), { minLength: 1, maxLength: 5 }),
    isMember: fc.boolean(),
    later: fc.nat(300),
  })
  .map(({ stretches, isMember, later }) => {
    const intervals: { fromSeq: bigint; toSeq: bigint | null }[] = [];
    let seq = 0n;
    for (const { gap, length } of stretches) {
      const fromSeq = seq + 1n + BigInt(gap);
      seq = fromSeq + BigInt(length);
      intervals.push({ fromSeq, toSeq: seq });
    }
    const headSeq = seq + BigInt(isMember ? 0 : later);
    const last = intervals.at(-1);
    if (isMember && last) last.toSeq = null;
    return { intervals: intervals as readonly Interval[], headSeq, endSeq: seq };
  });

/** What a device ends up with that does as it is told, and how often it had to ask. */
function follow(intervals: readonly Interval[], headSeq: bigint, afterSeq: bigint, pageMax: bigint) {
  const held: bigint[] = [];
  let cursor = afterSeq;
  for (let asked = 1; ; asked++) {
    assert.ok(asked < 2_000, "a device never gets to the end");
    const plan = planSync({ afterSeq: cursor, intervals, headSeq });
    if (plan.kind === "nothing" || plan.kind === "unknown") return { held, cursor, asked };
    if (plan.kind === "reset") {
      assert.ok(plan.floorSeq > cursor && plan.floorSeq < plan.headSeq, "a reset leads forward, and not past the end");
      cursor = plan.floorSeq;
      continue;
    }
    assert.equal(plan.firstSeq, cursor + 1n, "a page goes on where the device stands");
    for (let seq = plan.firstSeq; seq <= plan.lastSeq && seq < plan.firstSeq + pageMax; seq += 1n) held.push(seq);
    cursor = held.at(-1) ?? cursor;
  }
}

/** All that the user may see above what the device holds; of a log that it knows nothing of, the last 200 only. */
function listExpected(intervals: readonly Interval[], afterSeq: bigint, endSeq: bigint): bigint[] {
  const above = afterSeq === 0n && endSeq > 200n ? endSeq - 200n : afterSeq;
  const expected: bigint[] = [];
  for (let seq = above + 1n; seq <= endSeq; seq += 1n) {
    if (intervals.some(({ fromSeq, toSeq }) => fromSeq <= seq && (toSeq === null || seq <= toSeq))) expected.push(seq);
  }
  return expected;
}

describe("planning a sync, whatever the memberships and wherever the device stands,", () => {
  it("leads it through all that its user may see, and nothing else, to the end", () => {
    fc.assert(
      fc.property(histories, fc.nat(1_600), fc.integer({ min: 1, max: 200 }), (history, after, pageMax) => {
        const { intervals, headSeq, endSeq } = history;
        const afterSeq = BigInt(after % 3 === 0 ? 0 : after);
        const { held, cursor } = follow(intervals, headSeq, afterSeq, BigInt(pageMax));
        assert.deepEqual(held, listExpected(intervals, afterSeq, endSeq));
        assert.equal(cursor, afterSeq > endSeq ? afterSeq : endSeq);
      }),
      { numRuns: 2_000 },
    );
  });

  it("says the same head at every step: the end of what the user may see", () => {
    fc.assert(
      fc.property(histories, fc.nat(1_600), ({ intervals, headSeq, endSeq }, after) => {
        const plan = planSync({ afterSeq: BigInt(after), intervals, headSeq });
        assert.equal(plan.kind === "unknown" ? undefined : plan.headSeq, endSeq);
      }),
      { numRuns: 2_000 },
    );
  });
});
