import type { Spread } from "../figures/statistics.js";
import type { Distribution, Verified } from "../result.js";
import type { Machine, Versions } from "../stage/machine.js";

/**
 * What a benchmark writes as JSON. Times are in milliseconds, and a name tells its unit; shares and ratios are plain
 * numbers. Numbers that the system does not tell are left out. docs/benchmarks.md explains each.
 */
export type GroupResult = Readonly<{
  scenario: string;
  settings: GroupSettings;
  machine: Machine;
  versions: Versions;
  rounds: readonly RoundResult[];
  /** The median of each number over the rounds. */
  median: RoundResult;
  /** The yardstick, run in every round right after what it is compared with. */
  baseline: { name: string; messages: number; bytes: number; median_ms: number; min_ms: number; max_ms: number };
  /** Time of the baseline divided by time of Tidewire: 1 is as fast as raw, 0.5 takes twice as long. */
  ratio: Spread;
  /** What is to be reached. */
  goals: { ratio: number };
  /** Of the rounds that count: `deliver` and `ack`. */
  histograms: readonly Distribution[];
  /** Over all rounds, warm-up included. */
  verified: Verified;
}>;

/** Settings of every scenario that is about rounds of a group. */
export type RoundSettings = Readonly<{
  database: string;
  members: number;
  rounds: number;
  warmup_rounds: number;
  text_bytes: number;
  /** Limits of the server that were raised for the benchmark. */
  raised_limits: Readonly<Record<string, number>>;
}>;

export type GroupSettings = RoundSettings &
  Readonly<{
    /** Messages of a round, each of another member. */
    senders: number;
    /** Whether members acknowledged while a round was measured. */
    acks: "on" | "off";
    /** Processes among which the members are divided. */
    generators: number;
  }>;

export type RoundResult = Readonly<{
  total_ms: number;
  raw_ms: number;
  ratio: number;
  deliver_p50_ms: number;
  deliver_p99_ms: number;
  deliver_p999_ms: number;
  deliver_max_ms: number;
  ack_p50_ms: number;
  ack_p99_ms: number;
  ack_max_ms: number;
  /** Cumulative acks of all members. */
  acks: number;
  /** Processor time of the server, from before the first send until all cumulative acks had come. */
  server_cpu_ms?: number;
  database_cpu_ms?: number;
  generator_cpu_ms: number;
  generator_busy_share: number;
}>;
