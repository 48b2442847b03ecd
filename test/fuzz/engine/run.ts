import { type Counts, createCounts } from "../../sim/engine/counts.js";
import type { Side } from "./episode.js";
import { heapBytes } from "./heap.js";
import { createMeter, type Meter, processorClock, type SlowInput } from "./meter.js";
import { episodeOf, type Failure, inputsOf, runEpisode, sideOf } from "./run-episode.js";
import { type Shrunk, shrink } from "./shrink.js";

export type FuzzOptions = Readonly<{
  seed: string;
  /** How many, from the first. */
  inputs: number;
  /** Worlds take turns. */
  sides: readonly Side[];
  /** Is told of each delivery before it begins. */
  note(input: number, bytes: Uint8Array): void;
  /** Called between two worlds. */
  progress(soFar: FuzzSummary): "go on" | "stop";
}>;

export type FuzzSummary = Readonly<{
  inputs: number;
  counts: ReadonlyMap<string, number>;
  /** After a garbage collection, every so many inputs. */
  heapBytes: readonly number[];
  /** Of wall time: the longest delivery. */
  longestMs: number;
}>;

export type FuzzEnd =
  | { kind: "passed"; summary: FuzzSummary }
  | { kind: "stopped"; summary: FuzzSummary }
  | { kind: "failed"; summary: FuzzSummary; failure: Failure; shrunk: Shrunk };

const episodesPerCheckpoint = 40;
/** More than the compiler's own needs; a hundred bytes an input would soon exceed it. */
const heapGrowthMaxBytes = 16 * 1024 * 1024;
const shrinkLimits = { triesMax: 2_000, timeMaxMs: 30_000 };
/** An input that took long is fed so often again: the best time counts, for others have the processor as well. */
const timings = 3;

/** Fuzzes until it has fed all inputs, something goes wrong, or it is told to stop. To be called from a macrotask. */
export function runFuzz(options: FuzzOptions): FuzzEnd {
  return new Fuzz(options).run();
}

/** Feeds only these inputs, all of one episode. */
export function replay(
  options: Pick<FuzzOptions, "seed" | "sides" | "note">,
  inputs: readonly number[],
  replacement?: Uint8Array,
): Failure | undefined {
  const meter = createMeter(options.note);
  return runEpisode({ ...options, inputs, ...(replacement && { replacement }), counts: createCounts(), meter });
}

class Fuzz {
  readonly #options: FuzzOptions;
  readonly #counts: Counts = createCounts();
  readonly #meter: Meter;
  readonly #heap: number[] = [];
  #done = 0;

  constructor(options: FuzzOptions) {
    this.#options = options;
    this.#meter = createMeter(options.note);
  }

  run(): FuzzEnd {
    for (let episode = 0; this.#done < this.#options.inputs; episode++) {
      const inputs = inputsOf(episode).filter((input) => input < this.#options.inputs);
      const failure = this.#runEpisode(inputs);
      if (failure) return this.#fail(failure, this.#shrink(failure));
      const excess = this.#findSlow() ?? this.#findGrowth(episode);
      if (excess) return this.#fail(excess, { inputs: [excess.input], bytes: excess.bytes });
      this.#done += inputs.length;
      if (this.#options.progress(this.#summary()) === "stop") return { kind: "stopped", summary: this.#summary() };
    }
    return { kind: "passed", summary: this.#summary() };
  }

  #summary(): FuzzSummary {
    const { longestMs } = this.#meter;
    return { inputs: this.#done, counts: this.#counts.entries, heapBytes: this.#heap, longestMs };
  }

  #runEpisode(inputs: readonly number[]): Failure | undefined {
    const { seed, sides } = this.#options;
    return runEpisode({ seed, sides, inputs, counts: this.#counts, meter: this.#meter });
  }

  #fail(failure: Failure, shrunk: Shrunk): FuzzEnd {
    return { kind: "failed", summary: this.#summary(), failure, shrunk };
  }

  #shrink(failure: Failure): Shrunk {
    const inputs = inputsOf(episodeOf(failure.input)).filter((input) => input <= failure.input);
    const retry = (kept: readonly number[], bytes?: Uint8Array) => replay(this.#options, kept, bytes);
    return shrink(failure, inputs, retry, shrinkLimits);
  }

  #findSlow(): Failure | undefined {
    for (const slow of this.#meter.takeSlow()) {
      const failure = this.#timeAgain(slow);
      if (failure) return failure;
    }
    return undefined;
  }

  #timeAgain({ input, budgetMs }: SlowInput): Failure | undefined {
    const inputs = inputsOf(episodeOf(input)).filter((each) => each <= input);
    const meter = createMeter(this.#options.note, processorClock);
    let bestMs = Number.POSITIVE_INFINITY;
    for (let time = 0; time < timings && bestMs > budgetMs; time++) {
      runEpisode({ ...this.#options, inputs, counts: createCounts(), meter });
      bestMs = Math.min(bestMs, meter.lastMs);
    }
    if (bestMs <= budgetMs) return undefined;
    const reason = `it took ${bestMs.toFixed(0)} ms at best, ${budgetMs.toFixed(0)} ms are allowed`;
    const { name: side } = sideOf(this.#options.sides, input);
    return { side, input, rule: "an input takes little time", reason, bytes: meter.bytes };
  }

  #findGrowth(episode: number): Failure | undefined {
    if (episode % episodesPerCheckpoint !== 0) return undefined;
    const now = heapBytes();
    this.#heap.push(now);
    const first = this.#heap[1] ?? now; // the one before was taken while code was still being compiled
    // A single look may find what is about to go.
    if (this.#heap.length < 5 || Math.min(...this.#heap.slice(-3)) <= first + heapGrowthMaxBytes) return undefined;
    const reason = `${now} bytes after ${this.#done} inputs, ${first} at first`;
    return { side: "any", input: this.#done, rule: "memory stays", reason, bytes: new Uint8Array(0) };
  }
}
