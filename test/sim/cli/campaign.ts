import { type ChildProcess, fork } from "node:child_process";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Chunk, ChunkResult } from "./chunk.js";
import { createTally, type SavedTally, type Tally } from "./tally.js";

export type CampaignOptions = Readonly<{
  firstSeed: number;
  seeds: number;
  jobs: number;
  /** Keeps what is done. */
  resumeFile?: string | undefined;
  signal: AbortSignal;
  /** Called every 2 s, and at the end. */
  progress(tally: Tally, pace: Pace): void;
}>;

/** What was done since the start: what a file held is not counted. */
export type Pace = Readonly<{ seeds: number; simulatedMs: number; elapsedMs: number }>;

const progressEveryMs = 2_000;
/** Whoever sees so many has seen enough. */
const failuresMax = 10;
const worker = fileURLToPath(new URL("./worker.js", import.meta.url));

/** Runs seeds in several processes, until all are done, ten have failed, or the signal is aborted. */
export async function runCampaign(options: CampaignOptions): Promise<Tally> {
  const { firstSeed, seeds, jobs, resumeFile, signal } = options;
  const tally = createTally(resumeFile === undefined ? undefined : readSaved(resumeFile));
  const chunks = tally.open(firstSeed, seeds);
  const startedMs = performance.now();
  const before = { seeds: tally.seeds, simulatedMs: tally.simulatedMs };
  const save = () => resumeFile !== undefined && writeSaved(resumeFile, tally.toSaved());
  const tell = () => {
    const seedsDone = tally.seeds - before.seeds;
    const simulatedMs = tally.simulatedMs - before.simulatedMs;
    options.progress(tally, { seeds: seedsDone, simulatedMs, elapsedMs: performance.now() - startedMs });
    save();
  };
  const timer = setInterval(tell, progressEveryMs);
  const next = () => (signal.aborted || tally.failures.length >= failuresMax ? undefined : chunks.shift());
  try {
    const workers = Array.from({ length: Math.min(jobs, chunks.length) }, () => runWorker(next, tally.add, signal));
    await Promise.all(workers);
  } finally {
    clearInterval(timer);
    tell();
  }
  return tally;
}

/**
 * As many workers run as there are cores, so helper threads of theirs would only be in each other's way: a fifth less processor
 * time a seed. A young generation that holds some worlds spares copying what dies with them.
 */
const workerFlags = ["--single-threaded", "--max-semi-space-size=64", "--enable-source-maps"];

/** One process that is given one chunk after another. */
function runWorker(next: () => Chunk | undefined, done: (result: ChunkResult) => void, signal: AbortSignal) {
  return new Promise<void>((resolve, reject) => {
    const child = fork(worker, { execArgv: workerFlags });
    const stop = () => child.kill("SIGKILL");
    signal.addEventListener("abort", stop, { once: true });
    child.on("message", (result: ChunkResult) => {
      done(result);
      give(child, next());
    });
    child.on("error", reject);
    child.on("exit", (code) => {
      signal.removeEventListener("abort", stop);
      if (code === 0 || signal.aborted) resolve();
      else reject(new Error(`a process of the simulator ended with ${code ?? "a signal"}`));
    });
    give(child, next());
  });
}

function give(child: ChildProcess, chunk: Chunk | undefined): void {
  if (chunk === undefined) child.disconnect();
  else child.send(chunk);
}

function readSaved(file: string): SavedTally | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as SavedTally;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Whoever is interrupted meanwhile finds the old file or the new one. */
function writeSaved(file: string, saved: SavedTally): void {
  writeFileSync(`${file}.new`, JSON.stringify(saved));
  renameSync(`${file}.new`, file);
}
