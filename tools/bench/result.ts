import type { Machine, Versions } from "./stage/machine.js";

/**
 * What every scenario writes as JSON, beside what is its own. Times are in milliseconds unless a name tells another unit; shares and
 * ratios are plain numbers. Numbers that the system does not tell are left out. docs/benchmarks.md explains each.
 */
export type BenchResult = Readonly<{
  scenario: string;
  settings: Readonly<Record<string, unknown>>;
  machine: Machine;
  versions: Versions;
  /** Figures of each round, by name, nested where there are several kinds. */
  rounds: readonly object[];
  /** Distributions, for plots. */
  histograms?: readonly Distribution[];
  /** What changed over time, for plots. */
  series?: readonly Series[];
  /** What became of the messages, and whatever else was checked. */
  verified?: object;
}>;

/** How often each size was observed. */
export type Distribution = Readonly<{
  name: string;
  unit: string;
  /** Rising: `count` observations are no greater than `upto`, and greater than the bar before. */
  bars: readonly Readonly<{ upto: number; count: number }>[];
}>;

export type Series = Readonly<{
  name: string;
  unit: string;
  /** Seconds since the clock started, and the value then. */
  points: readonly (readonly [seconds: number, value: number])[];
}>;

/** What became of the messages of a run. */
export type Verified = Readonly<{
  sent: number;
  acked: number;
  delivered: number;
  lost: number;
  duplicated: number;
  reordered: number;
  durable_rows: number;
}>;
