import type { Counts } from "../../sim/engine/counts.js";
import { createRandom } from "../../sim/engine/random.js";
import type { Side } from "./episode.js";
import type { Meter } from "./meter.js";
import { Violation } from "./violation.js";

/** Inputs of one world. They are numbered from 0 through all worlds. */
const inputsPerEpisode = 250;

/** Something went wrong at an input. */
export type Failure = Readonly<{
  side: Side["name"] | "any";
  input: number;
  /** What is the same whenever the same thing goes wrong. */
  rule: string;
  /** For whoever mends it. */
  reason: string;
  bytes: Uint8Array;
}>;

export type EpisodeRun = Readonly<{
  seed: string;
  /** Worlds take turns. */
  sides: readonly Side[];
  /** Numbers of one episode, rising, at least one: only these are fed. */
  inputs: readonly number[];
  /** Instead of the last input's bytes. */
  replacement?: Uint8Array;
  counts: Counts;
  meter: Meter;
}>;

export function episodeOf(input: number): number {
  return Math.floor(input / inputsPerEpisode);
}

export function inputsOf(episode: number): number[] {
  return Array.from({ length: inputsPerEpisode }, (_, index) => episode * inputsPerEpisode + index);
}

/** The side whose turn it is. */
export function sideOf(sides: readonly Side[], input: number): Side {
  const side = sides[episodeOf(input) % sides.length];
  if (!side) throw new Error("there is nothing to fuzz");
  return side;
}

/**
 * Feeds a fresh world, and returns what went wrong, if anything did. The same inputs of the same seed do the same. Runs to its end
 * within one turn of the event loop, so it has to be called from a macrotask.
 */
export function runEpisode(run: EpisodeRun): Failure | undefined {
  const { seed, sides, inputs, counts, meter } = run;
  const [first = 0] = inputs;
  const side = sideOf(sides, first);
  const random = createRandom(`${seed}/${episodeOf(first)}`);
  const strays = catchStrays();
  let input = first;
  try {
    const episode = side.open({ random, counts, meter });
    for (input of inputs) {
      meter.begin(input);
      const replacement = input === inputs.at(-1) ? run.replacement : undefined;
      episode.feed({ progress: progressOf(input), random: random.fork(String(input)), replacement });
      strays.raise();
    }
    episode.end();
    strays.raise();
    return undefined;
  } catch (error) {
    return toFailure(side, input, meter.bytes, error);
  } finally {
    strays[Symbol.dispose]();
  }
}

function progressOf(input: number): number {
  return (input % inputsPerEpisode) / inputsPerEpisode;
}

/** What is thrown in a promise that nobody waits for would end the process. */
function catchStrays() {
  const strays: unknown[] = [];
  const onStray = (error: unknown) => void strays.push(error);
  process.on("unhandledRejection", onStray);
  return {
    raise() {
      if (strays.length > 0) throw strays[0];
    },
    [Symbol.dispose]: () => void process.off("unhandledRejection", onStray),
  };
}

function toFailure(side: Side, input: number, bytes: Uint8Array, error: unknown): Failure {
  const { rule, reason } = describe(error);
  return { side: side.name, input, bytes, rule, reason };
}

function describe(error: unknown): { rule: string; reason: string } {
  if (!(error instanceof Error)) return { rule: "nothing is thrown", reason: String(error) };
  const reason = error.stack ?? error.message;
  if (error instanceof Violation) return { rule: error.rule, reason };
  return { rule: `nothing is thrown: ${error.name}: ${error.message.replace(/\d+/g, "N")}`, reason };
}
