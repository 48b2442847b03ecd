import { median, type Spread, toSpread } from "../figures/statistics.js";
import type { Machine, Versions } from "../stage/machine.js";
import { idsPerMs } from "./id-verifier.js";

/** What an id costs. As JSON, names tell units, as in BenchResult. */
export type IdsResult = Readonly<{
  scenario: "ids";
  settings: { ids: number; rounds: number; warmup_rounds: number };
  machine: Machine;
  versions: Versions;
  rounds: readonly IdsRound[];
  /** The median of each number over the rounds. */
  median: IdsRound;
  /** What the layout has for a node in a second. A faster burst runs ahead of the time that its ids tell. */
  bound_per_second: number;
  /** What a node can mint without ever running ahead: the lesser of the bound and of what the generator reaches. */
  lasting_per_second: number;
  baseline: { name: string; median_ns: number; min_ns: number; max_ns: number };
  /** Cost of an id divided by that of the baseline in the same round. */
  ratio: Spread;
  goals: typeof goals;
  /** Over all rounds, warm-up included. */
  verified: { minted: number; out_of_order: number; out_of_place: number };
}>;

/** What is to be reached. */
export const goals = { ids_per_second: 1_000_000 } as const;

export type IdsRound = Readonly<{
  ids_per_second: number;
  /** Of an id, with what it takes to write it down. */
  cost_ns: number;
  baseline_ns: number;
  ratio: number;
  /** How far the time in the newest id lay ahead of the clock at the end of the round. */
  ahead_ms: number;
}>;

/** @throws Error if there are no rounds. */
export function summarizeIds(
  rounds: readonly IdsRound[],
): Pick<IdsResult, "rounds" | "median" | "bound_per_second" | "lasting_per_second" | "baseline" | "ratio"> {
  const costs = rounds.map(({ baseline_ns }) => baseline_ns);
  const ratios = rounds.map(({ ratio }) => ratio);
  const boundPerSecond = idsPerMs * 1_000;
  const of = (name: keyof IdsRound) => median(rounds.map((round) => round[name]));
  return {
    rounds,
    median: {
      ids_per_second: of("ids_per_second"),
      cost_ns: of("cost_ns"),
      baseline_ns: of("baseline_ns"),
      ratio: of("ratio"),
      ahead_ms: of("ahead_ms"),
    },
    bound_per_second: boundPerSecond,
    lasting_per_second: Math.min(boundPerSecond, of("ids_per_second")),
    baseline: {
      name: "a bigint that counts",
      median_ns: median(costs),
      min_ns: Math.min(...costs),
      max_ns: Math.max(...costs),
    },
    ratio: toSpread(ratios),
  };
}
