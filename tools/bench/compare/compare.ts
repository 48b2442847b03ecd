import { leavesOf } from "../figures/leaves.js";
import { rankTest } from "../figures/rank-test.js";
import { type Figure, figuresOf, knownValues } from "../figures/round-figures.js";
import { type Spread, toSpread } from "../figures/statistics.js";
import { invalid } from "../flags.js";
import { isLoaded } from "../report/circumstances.js";
import type { BenchResult } from "../result.js";

/** What lies between two results of one scenario. */
export type Comparison = Readonly<{
  before: BenchResult;
  after: BenchResult;
  figures: readonly FigureComparison[];
  /** Figures that only one of the two has. */
  unmatched: readonly string[];
  /** What makes the comparison doubtful, in words. */
  warnings: readonly string[];
}>;

export type FigureComparison = Readonly<{
  name: string;
  before: Spread;
  after: Spread;
  /** Median after divided by median before; undefined if that was 0. */
  ratio: number | undefined;
  /** How likely it is that chance alone sets them as far apart. */
  p: number;
  verdict: "higher" | "lower" | "noise";
}>;

/**
 * A figure stands out if chance does as much less often than this. Of 20 figures that are all the same, a limit of 5 % would
 * show one.
 */
export const chanceMax = 0.01;

/**
 * Compares two results, figure by figure. Pure.
 * @throws TidewireError `INVALID_ARGUMENT` if they are of different scenarios.
 */
export function compareResults(before: BenchResult, after: BenchResult): Comparison {
  if (before.scenario !== after.scenario)
    throw invalid(
      `the first file is of ${JSON.stringify(before.scenario)}, the second of ${JSON.stringify(after.scenario)}: ` +
        "compare two runs of one scenario",
    );
  const [old, fresh] = [byName(before), byName(after)];
  const shared = [...old].flatMap(([name, figure]) => {
    const other = fresh.get(name);
    return other ? [compareFigures(figure, other)] : [];
  });
  return {
    before,
    after,
    figures: shared,
    unmatched: [...old.keys(), ...fresh.keys()].filter((name) => !(old.has(name) && fresh.has(name))),
    warnings: [...findDifferences(before, after), ...findDoubts(before, after)],
  };
}

function byName({ rounds }: BenchResult): Map<string, Figure> {
  return new Map(figuresOf(rounds).map((figure) => [figure.name, figure]));
}

function compareFigures(before: Figure, after: Figure): FigureComparison {
  const [old, fresh] = [toSpread(knownValues(before)), toSpread(knownValues(after))];
  const p = rankTest(knownValues(before), knownValues(after));
  return {
    name: before.name,
    before: old,
    after: fresh,
    ratio: old.median === 0 ? undefined : fresh.median / old.median,
    p,
    verdict: judge(p, fresh.median - old.median),
  };
}

function judge(p: number, change: number): FigureComparison["verdict"] {
  if (p >= chanceMax || change === 0) return "noise";
  return change > 0 ? "higher" : "lower";
}

/** The program is what is compared, the load is judged by itself, and any number of rounds will do. */
const meantToDiffer: readonly string[] = ["tidewire", "commit", "load_before", "rounds"];

/** What is not the same, though it should be. */
function findDifferences(before: BenchResult, after: BenchResult): string[] {
  return (["settings", "machine", "versions"] as const).flatMap((part) => {
    const [old, fresh] = [describe(before[part]), describe(after[part])];
    const changes = [...new Set([...old.keys(), ...fresh.keys()])]
      .filter((name) => old.get(name) !== fresh.get(name) && !meantToDiffer.includes(name))
      .map((name) => `${name} ${old.get(name) ?? "–"} → ${fresh.get(name) ?? "–"}`);
    return changes.length === 0 ? [] : [`${part}: ${changes.join(", ")}`];
  });
}

function describe(part: object): Map<string, string> {
  return new Map(leavesOf(part).map(({ path, value }) => [path.join("."), JSON.stringify(value)]));
}

function findDoubts(before: BenchResult, after: BenchResult): string[] {
  const loaded = [before, after].filter(({ machine }) => isLoaded(machine)).length;
  const [few, many] = [before.rounds.length, after.rounds.length];
  return [
    ...(loaded === 0 ? [] : [`others were at work on the machine before ${loaded === 2 ? "both runs" : "one run"}`]),
    ...(canStandOut(few, many)
      ? []
      : [`${few} and ${many} rounds are too few for anything to stand out: take 5 or more`]),
  ];
}

/** Whether samples that do not overlap at all would stand out. */
function canStandOut(before: number, after: number): boolean {
  const [low, high] = [Array<number>(before).fill(0), Array<number>(after).fill(1)];
  return rankTest(low, high) < chanceMax;
}
