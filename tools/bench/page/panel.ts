import { type Html, html, toScriptJson } from "./html.js";

/** A plot, and the same figures as tables for those who want to read them. */
export type Panel = Readonly<{
  title: string;
  /** A sentence beneath the title; "" for none. */
  note: string;
  plot: Plot;
  tables: readonly Table[];
}>;

/** As plots.js draws it. */
export type Plot = Readonly<{
  /** Hovering over one plot shows the same place in all of its kind. */
  kind: "rounds" | "distribution" | "tail" | "time";
  x: Axis & Readonly<{ values: readonly number[] }>;
  y: Axis;
  lines: readonly Line[];
}>;

export type Axis = Readonly<{ label: string; scale: "linear" | "log" }>;

export type Line = Readonly<{
  label: string;
  /** One of those that the style sheet names, from 0. */
  color: number;
  /** Solid, dashed, dotted. */
  stroke: number;
  /** As many as `x` has; null where there is none. */
  values: readonly (number | null)[];
}>;

/** Cells are text for people. The first column names the row. */
export type Table = Readonly<{
  caption: string;
  titles: readonly string[];
  rows: readonly (readonly string[])[];
  foot?: readonly string[];
}>;

export function toPanel({ title, note, plot, tables }: Panel): Html {
  return html`<section class="panel">
  <h3>${title}</h3>
  ${note !== "" && html`<p class="note">${note}</p>`}
  <div class="plot" role="img" aria-label="${title}"><script type="application/json">${toScriptJson(plot)}</script></div>
  ${tables.map(toDetails)}
</section>`;
}

export function toDetails(table: Table): Html {
  return html`<details><summary>${table.caption}</summary>${toTable(table)}</details>`;
}

/** Scrolls sideways by itself where it is wider than the screen. */
function toTable({ titles, rows, foot }: Omit<Table, "caption">): Html {
  return html`<div class="scroll" tabindex="0"><table>
<thead><tr>${titles.map((title) => html`<th scope="col">${title}</th>`)}</tr></thead>
<tbody>${rows.map((row) => toRow(row))}</tbody>
${foot !== undefined && html`<tfoot>${toRow(foot)}</tfoot>`}
</table></div>`;
}

function toRow([name = "", ...cells]: readonly string[]): Html {
  return html`<tr><th scope="row">${name}</th>${cells.map((cell) => html`<td>${cell}</td>`)}</tr>
`;
}
