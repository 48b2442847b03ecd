import { execFileSync } from "node:child_process";
import { isDeepStrictEqual } from "node:util";
import type { SimConfig } from "../config.js";
import { runInMacrotask } from "../engine/microtasks.js";
import { generateConfig } from "../generate-config.js";
import { judge } from "../judge.js";
import { shrink } from "../shrink.js";

/** More tries take longer than people wait. */
const triesMax = 400;

export type ReplayOptions = Readonly<{
  seed: number;
  changes: Partial<SimConfig>;
  trace: "shown" | "hidden";
  write(text: string): void;
}>;

/** Runs one seed, and says what is wrong with it in the fewest words that still show it. @returns an exit code */
export async function replay({ seed, changes, trace, write }: ReplayOptions): Promise<number> {
  const config = { ...generateConfig(seed), ...changes };
  const lines: string[] = []; // written at the end: what runs now may not meet the event loop
  const verdict = await runInMacrotask(() => judge(config, trace === "shown" ? (line) => lines.push(line) : undefined));
  if (lines.length > 0) write(`${lines.join("\n")}\n`);
  const { violations, hash, events, simulatedMs } = verdict;
  const outcome = violations.length === 0 ? "all guarantees are kept" : "FAILED";
  write(
    `seed ${seed}: ${outcome}; ${events} events in ${Math.round(simulatedMs / 1_000)} s of its time, hash ${hash}\n`,
  );
  if (violations.length === 0) return 0;
  write(await explain(config, violations));
  return 1;
}

/** What a failed configuration has broken, how to run it again, and the smallest one that still fails. */
export async function explain(config: SimConfig, violations: readonly string[]): Promise<string> {
  const smallest = await runInMacrotask(() => shrink(config, { triesMax, fails: failsLike(violations) }));
  return [
    `\nseed ${config.seed} FAILED at commit ${readCommit()}`,
    ...violations.map((violation) => `  ${violation}`),
    `  replay:  ${commandFor(config)}`,
    `  smaller: ${commandFor(smallest)}`,
    "",
  ].join("\n");
}

/** The same guarantee is broken: what is found on the way to a smaller world may be something else. */
function failsLike(violations: readonly string[]): (config: SimConfig) => boolean {
  const kindOf = (violation = "") => violation.slice(0, violation.indexOf(":"));
  const kinds = new Set(violations.map(kindOf));
  return (config) => judge(config).violations.some((violation) => kinds.has(kindOf(violation)));
}

/** Only what is not the seed's own is spelled out. */
function commandFor(config: SimConfig): string {
  const own = generateConfig(config.seed);
  const changes = Object.entries(config).filter(
    ([name, value]) => !isDeepStrictEqual(value, own[name as keyof SimConfig]),
  );
  const option = changes.length === 0 ? "" : ` --config '${JSON.stringify(Object.fromEntries(changes))}'`;
  return `npm run sim -- --seed ${config.seed}${option}`;
}

function readCommit(): string {
  try {
    const git = (...parameters: string[]) =>
      execFileSync("git", parameters, { encoding: "utf8", stdio: "pipe" }).trim();
    const isChanged = git("status", "--porcelain", "--untracked-files=no") !== "";
    return `${git("rev-parse", "--short", "HEAD")}${isChanged ? " with changes" : ""}`;
  } catch {
    return "unknown";
  }
}
