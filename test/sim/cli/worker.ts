import { runInMacrotask } from "../engine/microtasks.js";
import { generateConfig } from "../generate-config.js";
import { judge } from "../judge.js";
import { addCounts, type Chunk, type ChunkResult, type Failure } from "./chunk.js";

/** Runs the seeds that the parent sends, chunk by chunk, until the parent is gone. */

/** One seed in so many is run twice: it has to do the same thing again. */
const repeatEvery = 50;

process.on("message", (chunk: Chunk) => void runChunk(chunk).then((result) => process.send?.(result)));
process.on("disconnect", () => process.exit(0));
process.on("SIGINT", () => {}); // the parent decides

async function runChunk(chunk: Chunk): Promise<ChunkResult> {
  const counts = new Map<string, number>();
  const failures: Failure[] = [];
  const cpuBefore = process.cpuUsage();
  let simulatedMs = 0;
  let hash = 0n;
  for (let seed = chunk.firstSeed; seed < chunk.firstSeed + chunk.seeds; seed++) {
    const verdict = await runInMacrotask(() => judgeSeed(seed));
    simulatedMs += verdict.simulatedMs;
    hash ^= BigInt(`0x${verdict.hash}`);
    addCounts(counts, verdict.counts);
    if (verdict.violations.length > 0) failures.push({ seed, violations: verdict.violations });
  }
  const { user, system } = process.cpuUsage(cpuBefore);
  return { chunk, simulatedMs, cpuMs: (user + system) / 1_000, counts: [...counts], failures, hash: hash.toString(16) };
}

function judgeSeed(seed: number) {
  const verdict = judge(generateConfig(seed));
  if (seed % repeatEvery !== 0) return verdict;
  const { hash } = judge(generateConfig(seed));
  if (hash === verdict.hash) return verdict;
  return { ...verdict, violations: [...verdict.violations, `it is not the same twice: ${verdict.hash}, then ${hash}`] };
}
