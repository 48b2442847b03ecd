import { type Quantiles, quantiles, type Weighted } from "../figures/statistics.js";
import type { Verified } from "../result.js";
import type { Machine, Versions } from "../stage/machine.js";
import type { SlowCounts } from "./slow-counts.js";
import type { SlowDeviceReport } from "./slow-devices-calls.js";

/** What members that read slowly do to the others. As JSON, names tell units, as in BenchResult. */
export type SlowReaderResult = Readonly<{
  scenario: "slow-reader";
  settings: SlowReaderSettings;
  machine: Machine;
  versions: Versions;
  /** Two stretches each, one right after the other. */
  rounds: readonly SlowReaderRound[];
  /** Latency of all deliveries to those who read, over all rounds. */
  without: Quantiles;
  with: Quantiles;
  /** The same, as a histogram: how many deliveries took longer than the limit before, and no longer than this one. */
  histogram: readonly { upto_ms: number; without: number; with: number }[];
  /** The p99 with slow readers divided by that without. */
  ratio: { overall: number; min: number; max: number };
  verified: Verified & {
    /** Messages that a device was sent though it had them. */
    repeated: number;
  };
}>;

export type SlowReaderSettings = Readonly<{
  database: string;
  /** Those who read. */
  members: number;
  slow_readers: number;
  rounds: number;
  messages_per_second: number;
  text_bytes: number;
  seconds: number;
  trickle_bytes_per_second: number;
  raised_limits: Readonly<Record<string, number>>;
}>;

export type SlowReaderRound = Readonly<{ without: Stretch; with: Stretch }>;

/** Latency in milliseconds, since a message was to be sent. */
export type Stretch = Readonly<{
  deliver: Quantiles;
  deliveries: number;
  generator_busy_share: number;
  /** What the server did about those who read slowly. */
  server: SlowCounts;
  /** What became of them. */
  slow: readonly SlowDeviceReport[];
}>;

/** The upper ends of the histogram's bars: from half a millisecond on, each is twice the one before. */
const histogramMs = Array.from({ length: 22 }, (_, index) => 2 ** (index - 1));

export type Kind = keyof SlowReaderRound;
export type Deliveries = Readonly<Record<Kind, readonly Weighted[]>>;

/** @throws Error if there are no rounds. */
export function summarizeStretches(
  rounds: readonly SlowReaderRound[],
  deliver: Deliveries,
): Pick<SlowReaderResult, "rounds" | "without" | "with" | "histogram" | "ratio"> {
  const overall = { without: quantiles(deliver.without), with: quantiles(deliver.with) };
  const ratios = rounds.map((round) => round.with.deliver.p99 / round.without.deliver.p99);
  const histogram = histogramMs.map((uptoMs, index) => ({
    upto_ms: uptoMs,
    without: countBetween(deliver.without, histogramMs[index - 1] ?? -1, uptoMs),
    with: countBetween(deliver.with, histogramMs[index - 1] ?? -1, uptoMs),
  }));
  const ratio = {
    overall: overall.with.p99 / overall.without.p99,
    min: Math.min(...ratios),
    max: Math.max(...ratios),
  };
  return { rounds, ...overall, histogram, ratio };
}

function countBetween(observations: readonly Weighted[], above: number, upto: number): number {
  return observations.reduce((sum, { value, count }) => (value > above && value <= upto ? sum + count : sum), 0);
}
