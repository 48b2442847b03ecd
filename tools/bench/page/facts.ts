import { formatNumber, formatQuantity } from "../figures/format.js";
import type { Leaf } from "../figures/leaves.js";
import { unitOf } from "../figures/unit.js";
import { type Html, html } from "./html.js";
import { toWords } from "./words.js";

/** What is known about something, as a list of names and values. */
export function toFacts(title: string, facts: readonly Leaf[]): Html {
  return html`<section class="facts">
  <h3>${title}</h3>
  <dl>${facts.map(toFact)}</dl>
</section>`;
}

function toFact(leaf: Leaf): Html {
  return html`<div><dt>${leaf.path.map(toWords).join(" · ")}</dt><dd>${toText(leaf)}</dd></div>
`;
}

/** Whatever a result may hold, for people. */
function toText({ path, value }: Leaf): string {
  if (typeof value === "number") {
    const unit = unitOf(path);
    return Number.isFinite(value) ? formatQuantity(value, unit) : "–";
  }
  if (Array.isArray(value)) return `${formatNumber(value.length)} ${value.length === 1 ? "entry" : "entries"}`;
  if (value === null || value === undefined) return "–";
  return typeof value === "object" ? "none" : String(value);
}
