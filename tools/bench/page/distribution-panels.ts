import { formatNumber, type Scale, scaleOf } from "../figures/format.js";
import type { Distribution } from "../result.js";
import type { Line, Panel, Table } from "./panel.js";
import { toTitle } from "./words.js";

/** Distributions of one unit together: how often each size was observed, and the share that is greater. */
export function toDistributionPanels(distributions: readonly Distribution[]): Panel[] {
  const filled = distributions.filter(({ bars }) => bars.some(({ count }) => count > 0));
  const units = [...new Set(filled.map(({ unit }) => unit))];
  return units.flatMap((unit) => toPanels(filled.filter((one) => one.unit === unit)));
}

/** A bar between two edges; what lies in it as a share of all, in percent, and what lies above it. */
type Bar = Readonly<{ from: number; upto: number; count: number; percent: number; abovePercent: number }>;
type Shown = Readonly<{ name: string; unit: string; bars: readonly Bar[] }>;

function toShown({ name, bars }: Distribution, { unit, factor }: Scale): Shown {
  const total = bars.reduce((sum, { count }) => sum + count, 0);
  let passed = 0;
  return {
    name,
    unit,
    bars: bars.map(({ upto, count }, index) => {
      passed += count;
      return {
        from: (bars[index - 1]?.upto ?? beginOf(bars)) * factor,
        upto: upto * factor,
        count,
        percent: (100 * count) / total,
        abovePercent: (100 * (total - passed)) / total,
      };
    }),
  };
}

/** The first bar has no beginning: it is drawn as wide as the second one, as far as a logarithmic axis shows. */
function beginOf([first, second]: Distribution["bars"]): number {
  if (!first) return 0;
  return second ? first.upto ** 2 / second.upto : first.upto / 1.12;
}

function toPanels(distributions: readonly Distribution[]): Panel[] {
  const max = Math.max(...distributions.map(({ bars }) => bars.at(-1)?.upto ?? 0));
  const scale = scaleOf(distributions[0]?.unit ?? "", max);
  const shown = distributions.map((one) => toShown(one, scale));
  const name = shown.map((one) => one.name).join(", ");
  const edges = [...new Set(shown.flatMap(({ bars }) => bars.flatMap(({ from, upto }) => [from, upto])))];
  const x = { label: scale.unit, scale: "log", values: edges.sort((a, b) => a - b) } as const;
  return [
    {
      title: `${toTitle(name)}: how often`,
      note: "Share of all observations in each bar.",
      plot: { kind: "distribution", x, y: { label: "%", scale: "linear" }, lines: toLines(shown, edges, percentFrom) },
      tables: shown.map(toTable),
    },
    {
      title: `${toTitle(name)}: the tail`,
      note: "Share of all observations that are greater: where a line passes 1 % is its p99, where it passes 0.1 % its p99.9.",
      plot: { kind: "tail", x, y: { label: "%", scale: "log" }, lines: toLines(shown, edges, percentAbove) },
      tables: [],
    },
  ];
}

function toLines(
  shown: readonly Shown[],
  edges: readonly number[],
  valueAt: (bars: readonly Bar[], edge: number) => number | null,
): Line[] {
  return shown.map(({ name, bars }, index) => ({
    label: name,
    color: index,
    stroke: 0,
    values: edges.map((edge) => valueAt(bars, edge)),
  }));
}

/** The height of the bar that begins at an edge or goes on there. */
function percentFrom(bars: readonly Bar[], edge: number): number {
  return bars.find(({ from, upto }) => from <= edge && edge < upto)?.percent ?? 0;
}

/** Known where a bar ends only. Nothing is above the last one, which a logarithmic axis cannot show. */
function percentAbove(bars: readonly Bar[], edge: number): number | null {
  if (bars[0]?.from === edge) return 100;
  const percent = bars.find(({ upto }) => upto === edge)?.abovePercent ?? 0;
  return percent > 0 ? percent : null;
}

function toTable({ name, unit, bars }: Shown): Table {
  const filled = bars.filter(({ count }) => count > 0);
  return {
    caption: `${toTitle(name)} as a table`,
    titles: [`up to ${unit}`, "count", "%", "% above"],
    rows: filled.map(({ upto, count, percent, abovePercent }) =>
      [upto, count, percent, abovePercent].map(formatNumber),
    ),
  };
}
