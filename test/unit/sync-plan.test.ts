import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { planSync, type SyncPlan } from "../../services/message/sync-plan.js";

const always = [{ fromSeq: 1n, toSeq: null }];
const leftAndBack = [
  { fromSeq: 1n, toSeq: 10n },
  { fromSeq: 20n, toSeq: null },
];

/** Follows resets and pages to the end, as a device does, and returns the seqs that it was given. */
function followAll(options: Parameters<typeof planSync>[0], pageMax: bigint): bigint[] {
  const seqs: bigint[] = [];
  let { afterSeq } = options;
  for (let turn = 0; turn < 100; turn += 1) {
    const plan: SyncPlan = planSync({ ...options, afterSeq });
    if (plan.kind === "nothing" || plan.kind === "unknown") return seqs;
    if (plan.kind === "reset") {
      afterSeq = plan.floorSeq;
      continue;
    }
    for (let seq = plan.firstSeq; seq <= plan.lastSeq && seq < plan.firstSeq + pageMax; seq += 1n) seqs.push(seq);
    afterSeq = seqs.at(-1) ?? afterSeq;
  }
  throw new Error("a device never gets to the end");
}

describe("planning a sync", () => {
  it("knows no conversation that the user has never been in", () => {
    assert.deepEqual(planSync({ afterSeq: 0n, intervals: [], headSeq: 9n }), { kind: "unknown" });
  });

  it("reads on after the last seq that the device holds", () => {
    const plan = planSync({ afterSeq: 5n, intervals: always, headSeq: 9n });
    assert.deepEqual(plan, { kind: "read", firstSeq: 6n, lastSeq: 9n, headSeq: 9n });
  });

  it("has nothing for a device that is up to date, or ahead", () => {
    for (const afterSeq of [9n, 12n]) {
      assert.deepEqual(planSync({ afterSeq, intervals: always, headSeq: 9n }), { kind: "nothing", headSeq: 9n });
    }
    assert.deepEqual(planSync({ afterSeq: 0n, intervals: always, headSeq: 0n }), { kind: "nothing", headSeq: 0n });
  });

  it("gives a device that knows nothing the last 200 only", () => {
    const plan = planSync({ afterSeq: 0n, intervals: always, headSeq: 1_000n });
    assert.deepEqual(plan, { kind: "reset", floorSeq: 800n, headSeq: 1_000n });
    const short = planSync({ afterSeq: 0n, intervals: always, headSeq: 200n });
    assert.deepEqual(short, { kind: "read", firstSeq: 1n, lastSeq: 200n, headSeq: 200n });
  });

  it("never skips what comes after a seq that the device holds, however far behind it is", () => {
    const plan = planSync({ afterSeq: 1n, intervals: always, headSeq: 1_000n });
    assert.deepEqual(plan, { kind: "read", firstSeq: 2n, lastSeq: 1_000n, headSeq: 1_000n });
  });

  it("resets to the entry with which the user came in", () => {
    const plan = planSync({ afterSeq: 0n, intervals: [{ fromSeq: 40n, toSeq: null }], headSeq: 50n });
    assert.deepEqual(plan, { kind: "reset", floorSeq: 39n, headSeq: 50n });
    const within = planSync({ afterSeq: 39n, intervals: [{ fromSeq: 40n, toSeq: null }], headSeq: 50n });
    assert.deepEqual(within, { kind: "read", firstSeq: 40n, lastSeq: 50n, headSeq: 50n });
  });

  it("ends for who has left with the entry that says so", () => {
    const intervals = [{ fromSeq: 1n, toSeq: 10n }];
    const plan = planSync({ afterSeq: 5n, intervals, headSeq: 50n });
    assert.deepEqual(plan, { kind: "read", firstSeq: 6n, lastSeq: 10n, headSeq: 10n });
    assert.deepEqual(planSync({ afterSeq: 10n, intervals, headSeq: 50n }), { kind: "nothing", headSeq: 10n });
  });

  it("skips what was said while the user was away", () => {
    const first = planSync({ afterSeq: 5n, intervals: leftAndBack, headSeq: 30n });
    assert.deepEqual(first, { kind: "read", firstSeq: 6n, lastSeq: 10n, headSeq: 30n });
    const second = planSync({ afterSeq: 10n, intervals: leftAndBack, headSeq: 30n });
    assert.deepEqual(second, { kind: "reset", floorSeq: 19n, headSeq: 30n });
    assert.deepEqual(planSync({ afterSeq: 15n, intervals: leftAndBack, headSeq: 30n }), second);
  });

  it("leads every device through exactly the user's intervals, whatever it holds and however small the pages", () => {
    const histories = [
      always,
      leftAndBack,
      [
        { fromSeq: 3n, toSeq: 3n },
        { fromSeq: 4n, toSeq: 6n },
        { fromSeq: 9n, toSeq: 25n },
      ],
      [{ fromSeq: 30n, toSeq: null }],
    ];
    for (const intervals of histories) {
      for (let afterSeq = 0n; afterSeq <= 31n; afterSeq += 1n) {
        const seqs = followAll({ afterSeq, intervals, headSeq: 30n }, 4n);
        const expected: bigint[] = [];
        for (let seq = afterSeq + 1n; seq <= 30n; seq += 1n) {
          if (intervals.some(({ fromSeq, toSeq }) => seq >= fromSeq && (toSeq === null || seq <= toSeq)))
            expected.push(seq);
        }
        assert.deepEqual(seqs, expected);
      }
    }
  });
});
