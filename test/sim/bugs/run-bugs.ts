import { type Bug, type Catcher, formatCatcher } from "./bug.js";
import { runLayer } from "./layers.js";
import { copyTree, type TreeCopy } from "./tree-copy.js";
import { firstSeedOf, type Trial, tryBug } from "./try-bug.js";

export type RunOptions = Readonly<{
  root: string;
  bugs: readonly Bug[];
  jobs: number;
  hunts: number;
  signal: AbortSignal;
  progress(line: string): void;
  /** Called when a bug has been tried. */
  tried(trial: Trial, done: number): void;
}>;

/**
 * Tries all bugs, each in a copy of the tree, and removes the copies.
 * @throws Error if the tree does not compile as it is, or if a layer that bugs are to turn red is red already.
 */
export async function runBugs(options: RunOptions): Promise<Trial[]> {
  const { root, bugs, jobs, signal, progress } = options;
  const copies: TreeCopy[] = [];
  try {
    progress("copying and building the tree");
    for (let job = 0; job < Math.min(jobs, bugs.length); job++) copies.push(await openCopy(root, signal));
    const [first] = copies;
    if (first !== undefined) await requireGreen(first, options);
    return await tryAll(copies, options);
  } finally {
    await Promise.all(copies.map((copy) => copy[Symbol.asyncDispose]()));
  }
}

/** Each copy takes one bug after another. */
async function tryAll(copies: readonly TreeCopy[], options: RunOptions): Promise<Trial[]> {
  const { bugs, tried } = options;
  const waiting = [...bugs];
  const trials = new Map<Bug, Trial>();
  const work = async (copy: TreeCopy) => {
    for (let bug = waiting.shift(); bug !== undefined; bug = waiting.shift()) {
      const trial = await tryBug(bug, copy, options);
      trials.set(bug, trial);
      tried(trial, trials.size);
    }
  };
  const jobs = copies.map(work);
  try {
    await Promise.all(jobs);
  } finally {
    waiting.length = 0; // after a failure, nobody begins anything more
    await Promise.allSettled(jobs);
  }
  return bugs.flatMap((bug) => trials.get(bug) ?? []);
}

async function openCopy(root: string, signal: AbortSignal): Promise<TreeCopy> {
  const copy = await copyTree(root);
  try {
    const built = await copy.build(signal);
    if (built.kind === "broken") throw new Error(`the tree does not compile as it is:\n${built.output}`);
    return copy;
  } catch (error) {
    await copy[Symbol.asyncDispose]();
    throw error;
  }
}

/** A layer that is red without any bug would seem to catch everything. */
async function requireGreen(copy: TreeCopy, { bugs, hunts, signal, progress }: RunOptions): Promise<void> {
  for (const catcher of layersOf(bugs)) {
    progress(`without a bug: ${formatCatcher(catcher)}`);
    for (let hunt = 0; hunt < (catcher.kind === "sim" ? hunts : 1); hunt++) {
      const result = await runLayer(catcher, { folder: copy.folder, firstSeed: firstSeedOf(hunt), signal });
      if (result.kind === "red") throw new Error(`${formatCatcher(catcher)} is red without any bug: ${result.by}`);
    }
  }
}

/** Every layer that is used, once: the simulator with the most seeds that a bug gives it. */
function layersOf(bugs: readonly Bug[]): Catcher[] {
  const catchers = bugs.flatMap((bug) => bug.catchers);
  const seeds = Math.max(0, ...catchers.map((catcher) => (catcher.kind === "sim" ? catcher.seeds : 0)));
  const parts = new Set(catchers.flatMap((catcher) => (catcher.kind === "test" ? [catcher.part] : [])));
  const tests = [...parts].sort().map((part): Catcher => ({ kind: "test", part }));
  return seeds > 0 ? [...tests, { kind: "sim", seeds }] : tests;
}
