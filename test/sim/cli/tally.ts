import { addCounts, type Chunk, type ChunkResult, type Failure } from "./chunk.js";

/** What a campaign has found so far. */
export interface Tally {
  add(result: ChunkResult): void;
  /** The chunks of seeds that are not done, in order. */
  open(firstSeed: number, seeds: number): Chunk[];
  readonly seeds: number;
  readonly simulatedMs: number;
  readonly cpuMs: number;
  readonly counts: ReadonlyMap<string, number>;
  readonly failures: readonly Failure[];
  readonly hash: string;
  toSaved(): SavedTally;
}

/** As it is kept in a file. */
export type SavedTally = Readonly<{
  done: readonly Chunk[];
  total: Omit<ChunkResult, "chunk">;
}>;

/** Small enough for a progress that moves, large enough for messages between processes not to count. */
const chunkSeeds = 5;

const nothing: Omit<ChunkResult, "chunk"> = { simulatedMs: 0, cpuMs: 0, counts: [], failures: [], hash: "0" };

export function createTally(saved: SavedTally = { done: [], total: nothing }): Tally {
  const done = new Map(saved.done.map(({ firstSeed, seeds }) => [firstSeed, seeds]));
  const counts = new Map(saved.total.counts);
  const failures = [...saved.total.failures];
  let { simulatedMs, cpuMs } = saved.total;
  let hash = BigInt(`0x${saved.total.hash}`);
  let seeds = saved.done.reduce((sum, chunk) => sum + chunk.seeds, 0);

  return {
    add(result) {
      done.set(result.chunk.firstSeed, result.chunk.seeds);
      seeds += result.chunk.seeds;
      simulatedMs += result.simulatedMs;
      cpuMs += result.cpuMs;
      hash ^= BigInt(`0x${result.hash}`);
      addCounts(counts, result.counts);
      failures.push(...result.failures);
    },
    open: (firstSeed, wanted) => findOpen(done, firstSeed, firstSeed + wanted),
    get seeds() {
      return seeds;
    },
    get simulatedMs() {
      return simulatedMs;
    },
    get cpuMs() {
      return cpuMs;
    },
    counts,
    failures,
    get hash() {
      return hash.toString(16).padStart(16, "0");
    },
    toSaved() {
      const total = { simulatedMs, cpuMs, counts: [...counts], failures, hash: hash.toString(16) };
      return { done: [...done].map(([firstSeed, size]) => ({ firstSeed, seeds: size })), total };
    },
  };
}

function findOpen(done: ReadonlyMap<number, number>, firstSeed: number, endSeed: number): Chunk[] {
  const chunks: Chunk[] = [];
  const starts = [...done.keys()].sort((one, other) => one - other);
  let next = 0;
  for (let seed = firstSeed; seed < endSeed; ) {
    while ((starts[next] ?? endSeed) < seed) next++;
    const start = Math.min(starts[next] ?? endSeed, endSeed);
    const size = start === seed ? (done.get(seed) ?? 0) : Math.min(chunkSeeds, start - seed);
    if (start !== seed) chunks.push({ firstSeed: seed, seeds: size });
    seed += size;
  }
  return chunks;
}
