import { formatNumber, scaleOf } from "../figures/format.js";
import { knownValues } from "../figures/round-figures.js";
import { median } from "../figures/statistics.js";
import type { Line, Panel, Plot, Table } from "./panel.js";
import type { Aspect, Topic } from "./round-topics.js";
import { toTitle } from "./words.js";

/** One figure so many times another does not fit a linear axis. */
const linearRatioMax = 50;

/** A topic round by round. */
export function toRoundPanel(topic: Topic): Panel {
  const scale = scaleOf(topic.unit, Math.max(...valuesOf(topic).map(Math.abs)));
  const lines = toLines(topic, scale.factor);
  return {
    title: toTitle(titleOf(topic)),
    note: "",
    plot: {
      kind: "rounds",
      x: {
        label: "round",
        scale: "linear",
        values: topic.aspects[0]?.figure.values.map((_, index) => index + 1) ?? [],
      },
      y: { label: scale.unit, scale: axisOf(topic) },
      lines,
    },
    tables: [toTable(lines, scale.unit)],
  };
}

function titleOf({ name, aspects }: Topic): string {
  const titles = [...new Set(aspects.map(({ title }) => title))];
  return name === "" || titles.length === 1 ? titles.join(", ") : name;
}

function valuesOf({ aspects }: Topic): number[] {
  return aspects.flatMap(({ figure }) => knownValues(figure));
}

function axisOf(topic: Topic): Plot["y"]["scale"] {
  const medians = topic.aspects.map(({ figure }) => median(knownValues(figure)));
  const isPositive = valuesOf(topic).every((value) => value > 0);
  return isPositive && Math.max(...medians) > linearRatioMax * Math.min(...medians) ? "log" : "linear";
}

/** A colour for each label and a stroke for each kind; if there is one label only, a colour for each kind. */
function toLines({ aspects }: Topic, factor: number): Line[] {
  const labels = [...new Set(aspects.map(({ label }) => label))];
  const kinds = [...new Set(aspects.map(({ kind }) => kind))];
  const isOne = labels.length === 1 && kinds.length > 1;
  const nameOf = ({ label, kind }: Aspect) => [...(isOne ? [] : [label]), ...(kind === "" ? [] : [kind])].join(", ");
  return aspects.map((aspect) => ({
    label: nameOf(aspect),
    color: isOne ? kinds.indexOf(aspect.kind) : labels.indexOf(aspect.label),
    stroke: isOne ? 0 : kinds.indexOf(aspect.kind),
    values: aspect.figure.values.map((value) => (value === undefined ? null : value * factor)),
  }));
}

function toTable(lines: readonly Line[], unit: string): Table {
  const rounds = lines[0]?.values ?? [];
  const medianOf = ({ values }: Line) => formatNumber(median(values.filter((value) => value !== null)));
  return {
    caption: "Rounds as a table",
    titles: ["round", ...lines.map(({ label }) => (unit === "" ? label : `${label} (${unit})`))],
    rows: rounds.map((_, index) => [String(index + 1), ...lines.map(({ values }) => toCell(values[index]))]),
    foot: ["median", ...lines.map(medianOf)],
  };
}

function toCell(value: number | null | undefined): string {
  return value === null || value === undefined ? "–" : formatNumber(value);
}
