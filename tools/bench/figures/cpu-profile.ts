import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Window } from "../generator/generator-calls.js";

/** A profile as V8 writes it (`.cpuprofile`): times in microseconds on the machine's monotonic clock. */
export type CpuProfile = Readonly<{
  nodes: readonly ProfileNode[];
  startTime: number;
  samples: readonly number[];
  timeDeltas: readonly number[];
}>;

type ProfileNode = Readonly<{ id: number; callFrame: { functionName: string; url: string; lineNumber: number } }>;

/** Where time went while the clock ran: the share of each function's own time, without its callees. */
export type SelfTime = Readonly<{ where: string; ms: number; share: number }>;

const linesMax = 25;

const always: readonly Window[] = [{ fromUs: 0, toUs: Number.POSITIVE_INFINITY }];

/** Reads the profiles of a process, one for each of its threads, and lists where the time within the windows went. */
export async function summarizeProfiles(directory: string, windows = always): Promise<string> {
  const files = (await readdir(directory)).filter((file) => file.endsWith(".cpuprofile")).sort();
  const parts = files.map(async (file) => {
    const profile = JSON.parse(await readFile(join(directory, file), "utf8")) as CpuProfile;
    const lines = selfTimes(profile, windows).slice(0, linesMax);
    if (lines.length === 0) return ""; // of an earlier run
    const rows = lines.map(
      ({ where, ms, share }) =>
        `  ${(100 * share).toFixed(1).padStart(5)} %  ${ms.toFixed(1).padStart(7)} ms  ${where}`,
    );
    return `${file}: own time of functions while the clock ran\n${rows.join("\n")}\n\n`;
  });
  return (await Promise.all(parts)).join("");
}

/** Own time by function, within the windows, the most first. Pure. */
export function selfTimes(profile: CpuProfile, windows: readonly Window[]): SelfTime[] {
  const names = new Map(profile.nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const spentUs = new Map<string, number>();
  let [atUs, totalUs] = [profile.startTime, 0];
  for (const [index, sample] of profile.samples.entries()) {
    const deltaUs = profile.timeDeltas[index] ?? 0;
    atUs += deltaUs;
    if (!windows.some(({ fromUs, toUs }) => atUs >= fromUs && atUs <= toUs)) continue;
    const where = names.get(sample) ?? "?";
    spentUs.set(where, (spentUs.get(where) ?? 0) + deltaUs);
    totalUs += deltaUs;
  }
  return [...spentUs].map(([where, us]) => ({ where, ms: us / 1000, share: us / totalUs })).sort((a, b) => b.ms - a.ms);
}

function nameOf({ functionName, url, lineNumber }: ProfileNode["callFrame"]): string {
  const name = functionName === "" ? "(anonymous)" : functionName;
  return url === "" ? name : `${name} (${basename(url)}:${lineNumber + 1})`;
}
