import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { TidewireError } from "../../runtime/error.js";
import { compareResults } from "../../tools/bench/compare/compare.js";
import { toComparisonReport } from "../../tools/bench/compare/compare-report.js";
import { rankTest } from "../../tools/bench/figures/rank-test.js";
import type { BenchResult } from "../../tools/bench/result.js";
import { parseResult } from "../../tools/bench/result-file.js";
import { resultOf } from "../support/bench-result.js";

describe("the rank test", () => {
  it("knows how rarely samples of five are wholly apart", () => {
    assert.equal(rankTest([1, 2, 3, 4, 5], [6, 7, 8, 9, 10]), 2 / 252);
    assert.equal(rankTest([60, 70, 80, 90, 1e9], [1, 2, 3, 4, 5]), 2 / 252);
  });

  it("finds nothing in what is all the same, and nothing in nothing", () => {
    assert.equal(rankTest([3, 3, 3], [3, 3]), 1);
    assert.equal(rankTest(Array(50).fill(3), Array(50).fill(3)), 1);
    assert.equal(rankTest([], [1, 2, 3]), 1);
  });

  it("is the share of all ways to deal the values out that lie as far apart", () => {
    const values = fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(values, values, (before, after) => {
        assert.ok(Math.abs(rankTest(before, after) - dealOut(before, after)) < 1e-12);
      }),
    );
  });

  it("is near that share with many values, too", () => {
    const before = Array.from({ length: 40 }, (_, index) => index);
    const p = rankTest(
      before,
      before.map((value) => value + 6),
    );
    assert.ok(Math.abs(p - 0.0323) < 0.001, `${p}`);
  });
});

/** By trying all ways. */
function dealOut(before: readonly number[], after: readonly number[]): number {
  const all = [...before, ...after];
  const rank = (value: number) =>
    all.filter((other) => other < value).length + (all.filter((other) => other === value).length + 1) / 2;
  const distance = (indexes: readonly number[]) =>
    Math.abs(indexes.reduce((sum, index) => sum + rank(all[index] ?? 0) - (all.length + 1) / 2, 0));
  const choices = subsets(all.length, before.length);
  const seen = distance([...before.keys()]);
  return choices.filter((indexes) => distance(indexes) >= seen - 1e-9).length / choices.length;
}

function subsets(from: number, size: number): number[][] {
  if (size === 0) return [[]];
  if (from < size) return [];
  return [...subsets(from - 1, size), ...subsets(from - 1, size - 1).map((one) => [...one, from - 1])];
}

const rounds = (...totals: number[]) =>
  totals.map((total) => ({ total_ms: total, on: { server_cpu_ms: 5 }, slow: [{ behind: 1 }], order: "off" }));
const quiet = resultOf({ rounds: rounds(10, 11, 12, 13, 14) });

describe("a comparison of results", () => {
  it("has each number of the rounds by its path", () => {
    const { figures, warnings, unmatched } = compareResults(quiet, resultOf({ rounds: rounds(20, 22, 24, 26, 28) }));
    assert.deepEqual(figures, [
      {
        name: "total_ms",
        before: { median: 12, min: 10, max: 14 },
        after: { median: 24, min: 20, max: 28 },
        ratio: 2,
        p: 2 / 252,
        verdict: "higher",
      },
      {
        name: "on.server_cpu_ms",
        before: { median: 5, min: 5, max: 5 },
        after: { median: 5, min: 5, max: 5 },
        ratio: 1,
        p: 1,
        verdict: "noise",
      },
    ]);
    assert.deepEqual([warnings, unmatched], [[], []]);
  });

  it("takes for noise what overlaps", () => {
    const verdictOf = (...totals: number[]) =>
      compareResults(quiet, resultOf({ rounds: rounds(...totals) })).figures[0]?.verdict;
    assert.equal(verdictOf(13.5, 15, 16, 17, 18), "noise");
    assert.equal(verdictOf(5, 6, 7, 8, 9), "lower");
  });

  it("has no quotient of nothing, and names what only one of them has", () => {
    const [before, after] = [[{ lost: 0, a: 1 }], [{ lost: 2, b: 1 }]].map((rounds) => resultOf({ rounds }));
    assert.ok(before && after);
    const { figures, unmatched } = compareResults(before, after);
    assert.deepEqual(
      figures.map(({ name, ratio }) => [name, ratio]),
      [["lost", undefined]],
    );
    assert.deepEqual(unmatched, ["a", "b"]);
  });

  it("refuses different scenarios, and says what to do", () => {
    assert.throws(
      () => compareResults(quiet, resultOf({ scenario: "group --paced" })),
      isUsageError(/"group", .* "group --paced": compare two runs of one scenario/),
    );
  });

  const { machine, versions, settings } = quiet;
  const doubts: Record<string, [Partial<BenchResult>, RegExp]> = {
    "other settings": [{ settings: { ...settings, members: 9 } }, /^settings: members 3 → 9$/],
    "another machine": [{ machine: { ...machine, cores: 4 } }, /^machine: cores 2 → 4$/],
    "another database": [
      { versions: { ...versions, database: "PGlite" } },
      /^versions: database "PostgreSQL 15" → "PGlite"$/,
    ],
    "a machine at work": [{ machine: { ...machine, load_before: 1.5 } }, /at work on the machine before one run/],
    "too few rounds": [{ rounds: rounds(1, 2, 3) }, /5 and 3 rounds are too few .* take 5 or more/],
  };
  for (const [doubt, [changes, warning]] of Object.entries(doubts)) {
    it(`warns of ${doubt}`, () => {
      const { warnings } = compareResults(quiet, resultOf({ rounds: quiet.rounds, ...changes }));
      assert.equal(warnings.length, 1, warnings.join("\n"));
      assert.match(warnings[0] ?? "", warning);
    });
  }

  it("does not mind another commit, nor more rounds", () => {
    const changes = { versions: { ...versions, commit: "def" }, settings: { ...settings, rounds: 8 } };
    assert.deepEqual(compareResults(quiet, resultOf({ rounds: quiet.rounds, ...changes })).warnings, []);
  });

  it("is a table that says how it judges", () => {
    const report = toComparisonReport(compareResults(quiet, resultOf({ rounds: rounds(20, 22, 24, 26, 28) })));
    assert.match(report, /^ {2}total_ms +12 +24 +2\.00 +10–14 +20–28 +0\.008 +higher$/m);
    assert.match(report, /1 of 2 figures stand out of the noise\n.*1 of 100 cases \(Mann–Whitney U test/);
  });
});

describe("the file of a result", () => {
  it("is read back as it was written", () => {
    assert.deepEqual(parseResult(JSON.stringify(quiet), "a.json"), quiet);
  });

  const mistakes: Record<string, RegExp> = {
    "": /a\.json is not JSON: .*; name a file that --json has written/,
    "<html>": /not JSON/,
    null: /a\.json is JSON, but no result of a benchmark/,
    "[]": /no result of a benchmark/,
    '{"scenario":"group"}': /no result of a benchmark/,
    [JSON.stringify({ ...quiet, rounds: [1] })]: /no result of a benchmark/,
    [JSON.stringify({ ...quiet, rounds: [] })]: /a\.json has no rounds/,
  };
  for (const [text, message] of Object.entries(mistakes)) {
    it(`is explained if it holds ${JSON.stringify(text.slice(0, 20))}`, () => {
      assert.throws(() => parseResult(text, "a.json"), isUsageError(message));
    });
  }
});

function isUsageError(message: RegExp) {
  return (error: unknown) =>
    error instanceof TidewireError && error.code === ErrorCode.INVALID_ARGUMENT && message.test(error.message);
}
