import { formatNumber } from "../figures/format.js";
import type { Spread } from "../figures/statistics.js";
import { toTable } from "../report/table.js";
import type { BenchResult } from "../result.js";
import { type Comparison, chanceMax, type FigureComparison } from "./compare.js";

/** The comparison as a table for people. */
export function toComparisonReport(comparison: Comparison): string {
  const { before, after, figures, unmatched, warnings } = comparison;
  const lines = [
    `${before.scenario}: two results compared, figures of the rounds`,
    `  before: ${describe(before)}`,
    `  after:  ${describe(after)}`,
    ...warnings.map((warning) => `  warning: ${warning}`),
    "",
    ...toTable(titles, figures.map(toCells)),
    "",
    `  ${summarize(figures)}`,
    `  higher, lower: chance alone does as much in fewer than 1 of ${1 / chanceMax} cases (Mann–Whitney U test over the rounds); else it is noise`,
    ...(unmatched.length === 0 ? [] : [`  only in one of the two: ${unmatched.join(", ")}`]),
  ];
  return `${lines.join("\n")}\n`;
}

const titles = ["figure", "before", "after", "after ÷ before", "range before", "range after", "p", "verdict"];

function describe({ rounds, versions }: BenchResult): string {
  return `${rounds.length} rounds, Tidewire ${versions.tidewire} (${versions.commit}), ${versions.database}`;
}

function toCells({ name, before, after, ratio, p, verdict }: FigureComparison): string[] {
  const medians = [before, after].map((spread) => formatNumber(spread.median));
  const quotient = ratio === undefined ? "–" : ratio.toFixed(2);
  return [name, ...medians, quotient, toRange(before), toRange(after), p.toFixed(3), verdict];
}

function toRange({ min, max }: Spread): string {
  return `${formatNumber(min)}–${formatNumber(max)}`;
}

function summarize(figures: readonly FigureComparison[]): string {
  const standOut = figures.filter(({ verdict }) => verdict !== "noise");
  return `${standOut.length} of ${figures.length} figures stand out of the noise`;
}
