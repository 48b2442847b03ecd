import { formatNumber, formatQuantity } from "../figures/format.js";
import { type Leaf, leavesOf } from "../figures/leaves.js";
import { type Figure, figuresOf, knownValues } from "../figures/round-figures.js";
import { median } from "../figures/statistics.js";
import { isLoaded } from "../report/circumstances.js";
import type { BenchResult } from "../result.js";
import { readAssets } from "./assets.js";
import { toDistributionPanels } from "./distribution-panels.js";
import { toFacts } from "./facts.js";
import { type Html, html } from "./html.js";
import { type Panel, type Table, toDetails, toPanel } from "./panel.js";
import { toRoundPanel } from "./round-panels.js";
import { toTopics } from "./round-topics.js";
import { toSeriesPanels } from "./series-panels.js";
import { toTiles } from "./tiles.js";
import { toWords } from "./words.js";

/**
 * A result as one page that needs neither a network nor another file: figures as tables, and where scripts run, as plots, too.
 * Takes what any scenario writes.
 */
export function toPage(result: BenchResult): string {
  const { styles, scripts, policy } = readAssets();
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>${result.scenario} · ${result.versions.database} · Tidewire benchmark</title>
${styles}
</head>
<body>
${toHeader(result)}
<main>
${toSummary(result)}
${toPlots(result)}
${toCircumstances(result)}
</main>
${scripts}
</body>
</html>
`;
  return page.toString();
}

function toHeader({ scenario, versions, rounds, machine }: BenchResult): Html {
  const count = `${formatNumber(rounds.length)} ${rounds.length === 1 ? "round" : "rounds"}`;
  return html`<header>
  <p class="kicker">Tidewire ${versions.tidewire} (${versions.commit}) · benchmark</p>
  <h1>${scenario}</h1>
  <p class="lead">${count} · ${versions.database} · ${machine.cores} × ${machine.cpu}</p>
  ${isLoaded(machine) && html`<p class="warning"><strong>Others were at work on this machine</strong> before the run began (load ${formatNumber(machine.load_before)}): run it again when it is quiet.</p>`}
</header>`;
}

function toSummary(result: BenchResult): Html {
  const figures = figuresOf(result.rounds);
  const whole = wholeRun(result, figures);
  const { verified } = result;
  return html`<section>
  <h2>Medians of the rounds</h2>
  ${toTiles(toTopics(figures))}
  ${toDetails(toMedians(figures))}
</section>
<section class="columns">
  ${whole.length > 0 && toFacts("The whole run", whole)}
  ${verified !== undefined && toFacts("Verified", leavesOf(verified))}
</section>`;
}

/** What a scenario says beside its rounds; of the medians, those that are not of figures of the rounds. */
function wholeRun(result: BenchResult, figures: readonly Figure[]): Leaf[] {
  const { scenario, settings, machine, versions, rounds, histograms, series, verified, ...own } = result;
  const names = new Set(figures.map(({ name }) => `median.${name}`));
  return leavesOf(own).filter(({ path }) => !names.has(path.join(".")));
}

function toMedians(figures: readonly Figure[]): Table {
  return {
    caption: `All ${figures.length} figures of the rounds`,
    titles: ["figure", "median", "least", "most"],
    rows: figures.map((figure) => {
      const values = knownValues(figure);
      const shown = [median(values), Math.min(...values), Math.max(...values)];
      return [figure.path.map(toWords).join(" · "), ...shown.map((value) => formatQuantity(value, figure.unit))];
    }),
  };
}

function toPlots({ rounds, histograms = [], series = [] }: BenchResult): Html {
  return html`${toSection("Round by round", toTopics(figuresOf(rounds)).map(toRoundPanel))}
${toSection("Distributions", toDistributionPanels(histograms))}
${toSection("Over time", toSeriesPanels(series))}`;
}

function toSection(title: string, panels: readonly Panel[]): Html {
  return html`${panels.length > 0 && html`<section><h2>${title}</h2><div class="panels">${panels.map(toPanel)}</div></section>`}`;
}

function toCircumstances({ settings, machine, versions }: BenchResult): Html {
  return html`<section>
  <h2>How it was measured</h2>
  <div class="columns">${toFacts("Settings", leavesOf(settings))}${toFacts("Machine", leavesOf(machine))}${toFacts("Versions", leavesOf(versions))}</div>
</section>`;
}
