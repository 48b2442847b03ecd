import { formatNumber, scaleOf } from "../figures/format.js";
import type { Series } from "../result.js";
import type { Panel, Table } from "./panel.js";
import { toTitle } from "./words.js";

/** A table of more is no longer read. */
const tableRowsMax = 300;

/** What changed over time, one plot for each unit. */
export function toSeriesPanels(series: readonly Series[]): Panel[] {
  const filled = series.filter(({ points }) => points.length > 0);
  const units = [...new Set(filled.map(({ unit }) => unit))];
  return units.map((unit) => toPanel(filled.filter((one) => one.unit === unit)));
}

function toPanel(series: readonly Series[]): Panel {
  const max = Math.max(...series.flatMap(({ points }) => points.map(([, value]) => value)));
  const { unit, factor } = scaleOf(series[0]?.unit ?? "", max);
  const shown = series.map(({ name, points }) => {
    const scaled = points.map(([seconds, value]) => [seconds, value * factor] as const);
    return { name, unit, points: scaled, byTime: new Map(scaled) };
  });
  const seconds = [...new Set(shown.flatMap(({ points }) => points.map(([at]) => at)))].sort((a, b) => a - b);
  return {
    title: toTitle(shown.map(({ name }) => name).join(", ")),
    note: "",
    plot: {
      kind: "time",
      x: { label: "s", scale: "linear", values: seconds },
      y: { label: unit, scale: "linear" },
      lines: shown.map(({ name, byTime }, index) => ({
        label: name,
        color: index,
        stroke: 0,
        values: seconds.map((at) => byTime.get(at) ?? null),
      })),
    },
    tables: shown.map(toTable),
  };
}

function toTable({ name, unit, points }: Series): Table {
  const step = Math.ceil(points.length / tableRowsMax);
  const rows = points.filter((_, index) => index % step === 0);
  return {
    caption: `${toTitle(name)} as a table${step === 1 ? "" : `, one of ${step} points`}`,
    titles: ["s", unit],
    rows: rows.map((point) => point.map(formatNumber)),
  };
}
