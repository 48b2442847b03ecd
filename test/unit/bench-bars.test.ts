import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { countByDoubling, toDistribution } from "../../tools/bench/figures/bars.js";

const bars = (...values: number[]) =>
  toDistribution(
    "deliver",
    "ms",
    values.map((value) => ({ value, count: 1 })),
  ).bars;

describe("the bars of a distribution", () => {
  it("count each observation in the lowest bar that it does not exceed", () => {
    const observed = fc.array(fc.record({ value: fc.double({ min: 0, max: 1e6, noNaN: true }), count: fc.nat(9) }));
    fc.assert(
      fc.property(observed, (observations) => {
        const { bars } = toDistribution("deliver", "ms", observations);
        for (const [index, { upto, count }] of bars.entries()) {
          const below = bars[index - 1]?.upto ?? -1;
          const inside = observations.filter(({ value }) => value > below && value <= upto);
          assert.equal(
            count,
            inside.reduce((sum, one) => sum + one.count, 0),
          );
        }
        assert.equal(
          bars.reduce((sum, { count }) => sum + count, 0),
          observations.reduce((sum, { count }) => sum + count, 0),
        );
      }),
    );
  });

  it("end at every power of two, and five times between two of them", () => {
    const ends = bars(1.01, 4).map(({ upto }) => upto);
    assert.deepEqual([ends.length, ends[5], ends[11]], [12, 2, 4]);
  });

  it("have no gaps, and nothing before the first and after the last observation", () => {
    const counts = bars(1, 1.3, 1).map(({ count }) => count);
    assert.deepEqual(counts, [2, 0, 0, 1]);
  });

  it("leave out what never ended", () => {
    assert.deepEqual(bars(Number.POSITIVE_INFINITY), []);
    assert.deepEqual(bars(), []);
  });

  it("can be merged into bars that each end at twice the one before", () => {
    assert.deepEqual(
      [...countByDoubling(bars(0.5, 0.6, 1, 1.01, 2, 6, 8))],
      [
        [0.5, 1],
        [1, 2],
        [2, 2],
        [4, 0],
        [8, 2],
      ],
    );
  });
});
