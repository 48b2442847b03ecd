import { toCircumstances, toWarnings } from "../report/circumstances.js";
import { toRange, toTable } from "../report/table.js";
import type { IdsResult, IdsRound } from "./result.js";

/** The result as a table for people. */
export function toIdsReport(result: IdsResult): string {
  const { settings, rounds, median, baseline, ratio, goals, verified } = result;
  const rates = rounds.map(({ ids_per_second }) => ids_per_second / 1e6);
  const lines = [
    `ids: ${settings.rounds} rounds of ${settings.ids} Snowflake ids, as fast as one generator mints them`,
    ...toCircumstances(result),
    `  warm-up: ${settings.warmup_rounds} rounds`,
    "",
    ...toTable(titles, [...rounds.map((round, index) => toCells(String(index + 1), round)), toCells("median", median)]),
    "",
    `  ${millions(median.ids_per_second)} M/s (${toRange(rates, 2)}), to be at least ${millions(goals.ids_per_second)}`,
    `  bound: the layout has ${millions(result.bound_per_second)} M ids a second for a node; a faster burst takes them from the time ahead. Lastingly ${millions(result.lasting_per_second)} M/s`,
    `  baseline: ${baseline.name}, ${baseline.median_ns.toFixed(0)} ns (${toRange([baseline.min_ns, baseline.max_ns], 0)}); an id costs ${ratio.median.toFixed(1)} times as much (${toRange([ratio.min, ratio.max])})`,
    `  verified: ${verified.minted} ids, each above the one before, and of the node and the time at which it was minted`,
    ...toWarnings(result.machine),
  ];
  return `${lines.join("\n")}\n`;
}

const titles = ["round", "M ids/s", "ns an id", "baseline ns", "ratio", "ahead ms"];

function toCells(name: string, round: IdsRound): string[] {
  const { ids_per_second, cost_ns, baseline_ns, ratio, ahead_ms } = round;
  return [
    name,
    millions(ids_per_second),
    cost_ns.toFixed(0),
    baseline_ns.toFixed(0),
    ratio.toFixed(1),
    ahead_ms.toFixed(0),
  ];
}

function millions(perSecond: number): string {
  return (perSecond / 1e6).toFixed(2);
}
