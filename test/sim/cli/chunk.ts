/** Some seeds for one worker. */
export type Chunk = Readonly<{ firstSeed: number; seeds: number }>;

export type Failure = Readonly<{ seed: number; violations: readonly string[] }>;

/** What became of a chunk. Plain data: it crosses processes, and is kept in a file. */
export type ChunkResult = Readonly<{
  chunk: Chunk;
  simulatedMs: number;
  cpuMs: number;
  counts: readonly (readonly [string, number])[];
  failures: readonly Failure[];
  /** Of all that happened, in hexadecimal. Hashes of chunks are joined by exclusive or: their order does not matter. */
  hash: string;
}>;

export function addCounts(sums: Map<string, number>, counts: Iterable<readonly [string, number]>): void {
  for (const [name, count] of counts) sums.set(name, (sums.get(name) ?? 0) + count);
}
