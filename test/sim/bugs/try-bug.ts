import { type Bug, type Catcher, formatCatcher } from "./bug.js";
import { type LayerResult, runLayer } from "./layers.js";
import type { TreeCopy } from "./tree-copy.js";

/** What became of a bug. */
export type Trial = Readonly<{ bug: Bug; verdict: Verdict; durationMs: number }>;

export type Verdict =
  | { kind: "caught"; catches: readonly Catch[] }
  /** One of its catchers is green. */
  | { kind: "missed"; why: string }
  /** The patch proves nothing. */
  | { kind: "unfit"; why: string };

/** What went red. */
export type Catch = Readonly<{
  catcher: Catcher;
  /** The test, or the violation of the first hunt. */
  by: string;
  /** After how many seeds, by hunt. Empty for tests. */
  seeds: readonly number[];
}>;

export type TrialOptions = Readonly<{ hunts: number; signal: AbortSignal }>;

/** Each hunt has a range of seeds of its own. */
export function firstSeedOf(hunt: number): number {
  return 1 + hunt * 1_000_000;
}

/** Spoils a copy with a bug, and sees whether all of its catchers go red. The copy's sources are as before then. */
export async function tryBug(bug: Bug, copy: TreeCopy, options: TrialOptions): Promise<Trial> {
  const startedMs = performance.now();
  try {
    const verdict = await judgeBug(bug, copy, options);
    return { bug, verdict, durationMs: performance.now() - startedMs };
  } finally {
    await copy.restore();
  }
}

async function judgeBug(bug: Bug, copy: TreeCopy, options: TrialOptions): Promise<Verdict> {
  const applied = await copy.apply(bug.changes);
  if (applied.kind === "misfit") return { kind: "unfit", why: `it does not apply: ${applied.why}` };
  const built = await copy.build(options.signal);
  if (built.kind === "broken") return { kind: "unfit", why: `it does not compile:\n${built.output}` };
  const catches: Catch[] = [];
  for (const catcher of bug.catchers) {
    const results = await runHunts(catcher, copy, options);
    const reds = results.filter((result) => result.kind === "red");
    const [first] = reds;
    if (first === undefined || reds.length < results.length) return { kind: "missed", why: toMiss(catcher, results) };
    catches.push({ catcher, by: first.by, seeds: reds.flatMap(({ seeds }) => seeds ?? []) });
  }
  return { kind: "caught", catches };
}

/** Tests are run once: they have no chance in them. */
async function runHunts(catcher: Catcher, copy: TreeCopy, { hunts, signal }: TrialOptions): Promise<LayerResult[]> {
  const results: LayerResult[] = [];
  for (let hunt = 0; hunt < (catcher.kind === "sim" ? hunts : 1); hunt++) {
    results.push(await runLayer(catcher, { folder: copy.folder, firstSeed: firstSeedOf(hunt), signal }));
  }
  return results;
}

function toMiss(catcher: Catcher, results: readonly LayerResult[]): string {
  const greens = results.filter(({ kind }) => kind === "green").length;
  return `${formatCatcher(catcher)} is green${results.length > 1 ? ` in ${greens} of ${results.length} hunts` : ""}`;
}
