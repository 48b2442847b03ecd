import { toDistribution } from "../figures/bars.js";
import { type Quantiles, quantiles, type Weighted } from "../figures/statistics.js";
import type { Distribution, Series, Verified } from "../result.js";
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
  /** The same in full, first without, then with. */
  histograms: readonly [Distribution, Distribution];
  /** The server's memory. */
  series: readonly Series[];
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

export type Kind = keyof SlowReaderRound;
export type Deliveries = Readonly<Record<Kind, readonly Weighted[]>>;

/** @throws Error if there are no rounds. */
export function summarizeStretches(
  rounds: readonly SlowReaderRound[],
  deliver: Deliveries,
): Pick<SlowReaderResult, "rounds" | "without" | "with" | "histograms" | "ratio"> {
  const overall = { without: quantiles(deliver.without), with: quantiles(deliver.with) };
  const ratios = rounds.map((round) => round.with.deliver.p99 / round.without.deliver.p99);
  const histograms = [
    toDistribution("deliver without slow readers", "ms", deliver.without),
    toDistribution("deliver with slow readers", "ms", deliver.with),
  ] as const;
  const ratio = {
    overall: overall.with.p99 / overall.without.p99,
    min: Math.min(...ratios),
    max: Math.max(...ratios),
  };
  return { rounds, ...overall, histograms, ratio };
}
