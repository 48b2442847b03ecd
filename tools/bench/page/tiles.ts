import { formatQuantity } from "../figures/format.js";
import { knownValues } from "../figures/round-figures.js";
import { median } from "../figures/statistics.js";
import { type Html, html } from "./html.js";
import type { Aspect, Topic } from "./round-topics.js";
import { toTitle } from "./words.js";

const tilesMax = 4;

/** The medians that rounds name first, which is what they are about. Kinds of rounds are set against each other. */
export function toTiles(topics: readonly Topic[]): Html {
  const tiles = new Map<string, Aspect[]>();
  for (const aspect of topics.flatMap(({ aspects }) => aspects)) {
    tiles.set(aspect.title, [...(tiles.get(aspect.title) ?? []), aspect]);
  }
  return html`<div class="tiles">${[...tiles].slice(0, tilesMax).map(toTile)}</div>`;
}

function toTile([title, aspects]: [string, readonly Aspect[]]): Html {
  return html`<div class="tile"><h3>${toTitle(title)}</h3>${aspects.map(toValue)}</div>
`;
}

function toValue({ figure, kind }: Aspect): Html {
  const values = knownValues(figure);
  const shown = (value: number) => formatQuantity(value, figure.unit);
  return html`<p>${kind !== "" && html`<span class="kind">${kind}</span> `}<strong>${shown(median(values))}</strong>
<span class="range">${shown(Math.min(...values))} to ${shown(Math.max(...values))}</span></p>`;
}
