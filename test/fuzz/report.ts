import type { FuzzSummary } from "./engine/run.js";
import type { Failure } from "./engine/run-episode.js";
import type { Shrunk } from "./engine/shrink.js";
import { toBeReached } from "./reach.js";

/** What a connection may hold, in bytes, stand-ins for its peer included. */
export const connectionMaxBytes = 24 * 1024;

const mib = (bytes: number) => (bytes / 2 ** 20).toFixed(1);
const grouped = (count: number) => count.toLocaleString("en");

/** One line for a terminal. */
export function toProgressLine({ inputs, heapBytes, longestMs }: FuzzSummary, all: number, elapsedMs: number): string {
  const rate = Math.round(inputs / (elapsedMs / 1_000));
  const heap = mib(heapBytes.at(-1) ?? 0);
  const share = `${grouped(inputs)} of ${grouped(all)} inputs`;
  return `${share}  ${grouped(rate)}/s  heap ${heap} MiB  longest input ${longestMs.toFixed(1)} ms`;
}

/** What the inputs were, and what became of them. */
export function toSummaryText({ inputs, counts, heapBytes, longestMs }: FuzzSummary): string {
  const heaps = heapBytes.slice(1).map(mib);
  const lines = [
    `${grouped(inputs)} inputs; the longest took ${longestMs.toFixed(1)} ms on the clock on the wall`,
    `heap after each 10,000: ${heaps.length === 0 ? "not looked at" : `${heaps.join(" ")} MiB`}`,
    `reached ${toBeReached.filter((name) => counts.has(name)).length} of ${toBeReached.length} frames, states and codes`,
    "",
    "how it was made               to the gateway   ended it    to a client   ended it",
    ...toMakeLines(counts),
    "",
    ...sections.map(([title, prefix]) => toSection(title, prefix, counts)),
  ];
  return `${lines.join("\n")}\n`;
}

/** With the lines that repeat it. */
export function toFailureText(seed: string, failure: Failure, shrunk: Shrunk): string {
  const command = `npm run fuzz -- --seed ${seed} --only`;
  const hex = Buffer.from(shrunk.bytes).toString("hex");
  const least = `${command} ${shrunk.inputs.join(",")} --bytes ${shorten(hex)}`;
  return [
    `FAILED at input ${failure.input} (${failure.side}): ${failure.rule}`,
    failure.reason,
    "",
    `bytes    ${shorten(Buffer.from(failure.bytes).toString("hex"))}`,
    `repeat   ${command} ${failure.input}`,
    `shrunk   ${shrunk.inputs.length} input${shrunk.inputs.length > 1 ? "s" : ""}, the last of ${shrunk.bytes.length} bytes`,
    ...(shrunk.inputs.length > 1 ? [`         ${least}`] : [`         ${shorten(hex)}`]),
    "",
  ].join("\n");
}

function shorten(hex: string): string {
  return hex.length <= 2_000 ? hex : `${hex.slice(0, 2_000)}… (${hex.length / 2} bytes)`;
}

function toMakeLines(counts: ReadonlyMap<string, number>): string[] {
  const of = (name: string) => grouped(counts.get(name) ?? 0);
  const makes = [...counts.keys()].filter((name) => name.startsWith("made ")).map((name) => name.slice("made ".length));
  return makes.map((make) => {
    const cells = [
      of(`made ${make}`),
      of(`ended by ${make}`),
      of(`client made ${make}`),
      of(`client gave up after ${make}`),
    ];
    const [made = "", ended = "", clientMade = "", gaveUp = ""] = cells;
    return `  ${make.padEnd(24)}${made.padStart(18)}${ended.padStart(11)}${clientMade.padStart(15)}${gaveUp.padStart(11)}`;
  });
}

const sections = [
  ["the gateway was", "state "],
  ["it took", "framesReceived "],
  ["it said", "said "],
  ["errors", "error "],
  ["nacks", "up_nack "],
  ["closed with", "closed "],
  ["a client was", "client state "],
  ["it said", "client said "],
  ["it told its app", "told "],
] as const;

function toSection(title: string, prefix: string, counts: ReadonlyMap<string, number>): string {
  const named = [...counts].filter(([name]) => name.startsWith(prefix));
  const parts = named.map(([name, count]) => `${name.slice(prefix.length)} ${grouped(count)}`);
  return `${title.padEnd(18)}${parts.join(", ")}`;
}
