import { type Bug, formatCatcher } from "./bug.js";
import type { Catch, Trial } from "./try-bug.js";

/** One line for a bug that was tried. */
export function toLine({ bug, verdict, durationMs }: Trial): string {
  const mark = verdict.kind === "caught" ? "✔" : "✖";
  const what = verdict.kind === "caught" ? verdict.catches.map(toWords).join("; ") : `${verdict.kind}: ${verdict.why}`;
  return `${mark} ${bug.name}  ${what}  (${toSeconds(durationMs)})`;
}

/** The bugs as they are listed without being tried. */
export function toList(bugs: readonly Bug[]): string {
  const lines = bugs.map(
    ({ name, mistake, catchers }) => `${name}\n  ${mistake}\n  ${catchers.map(formatCatcher).join(", ")}`,
  );
  return `${lines.join("\n")}\n`;
}

/** How it all went, in a line. */
export function toSummary(trials: readonly Trial[]): string {
  const named = (kind: Trial["verdict"]["kind"]) =>
    trials.filter(({ verdict }) => verdict.kind === kind).map(({ bug }) => bug.name);
  const [missed, unfit] = [named("missed"), named("unfit")];
  const parts = [`${named("caught").length} of ${trials.length} bugs caught`];
  if (missed.length > 0) parts.push(`NOT caught: ${missed.join(", ")}`);
  if (unfit.length > 0) parts.push(`proved nothing: ${unfit.join(", ")}`);
  return `${parts.join("; ")}\n`;
}

export function toMarkdown(trials: readonly Trial[]): string {
  const rows = trials.flatMap(({ bug, verdict, durationMs }) => {
    const cells = [`\`${bug.name}\``, bug.mistake, bug.breaks];
    const time = toSeconds(durationMs);
    if (verdict.kind !== "caught")
      return [toRow([...cells, `**${verdict.kind}**: ${firstLine(verdict.why)}`, "", time])];
    return verdict.catches.map((one, index) => {
      const before = index === 0 ? cells : ["", "", ""];
      return toRow([...before, `${layerOf(one)}: ${shorten(one.by)}`, toCost(one), index === 0 ? time : ""]);
    });
  });
  const head = ["bug", "mistake", "breaks", "caught by", "after", "time"];
  return [toRow(head), `|${"---|".repeat(head.length)}`, ...rows, ""].join("\n");
}

function toWords(one: Catch): string {
  return `${layerOf(one)} after ${toCost(one)}: ${shorten(one.by)}`;
}

function layerOf({ catcher }: Catch): string {
  return catcher.kind === "sim" ? "sim" : catcher.part;
}

function toCost({ catcher, seeds }: Catch): string {
  if (catcher.kind === "test") return "1 test file";
  const sorted = [...seeds].sort((one, other) => one - other);
  const median = sorted[sorted.length >> 1] ?? 0;
  const [least = 0, most = 0] = [sorted[0], sorted.at(-1)];
  return sorted.length === 1 ? `${median} seeds` : `${median} seeds (${least}–${most})`;
}

function toRow(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

const wordsMaxChars = 160;

function shorten(text: string): string {
  const line = firstLine(text);
  return line.length > wordsMaxChars ? `${line.slice(0, wordsMaxChars)}…` : line;
}

function firstLine(text: string): string {
  return text.split("\n")[0] ?? "";
}

function toSeconds(durationMs: number): string {
  return `${(durationMs / 1_000).toFixed(1)} s`;
}
