import type { Quantiles } from "../figures/statistics.js";
import type { RoundSettings } from "../group/result.js";
import type { Distribution, Series, Verified } from "../result.js";
import type { Machine, Versions } from "../stage/machine.js";

/** What the group does at a steady pace. As JSON, names tell units, as in BenchResult. */
export type PacedResult = Readonly<{
  scenario: "group --paced";
  settings: RoundSettings & Readonly<{ every_ms: number }>;
  machine: Machine;
  versions: Versions;
  rounds: readonly PacedRound[];
  /** Of all deliveries, in milliseconds since their round was to begin. */
  deliver: Quantiles;
  /** From when the first round was to begin until the last delivery. */
  elapsed_ms: number;
  /** How late a round began at most, because the one before it was not done. */
  late_max_ms: number;
  /** `deliver` in full. */
  histograms: readonly Distribution[];
  /** The server's memory. */
  series: readonly Series[];
  /** Over all rounds, warm-up included. */
  verified: Verified;
}>;

export type PacedRound = Readonly<{
  late_ms: number;
  /** From its first send to its last delivery. */
  total_ms: number;
  /** Since it was to begin. */
  deliver_p99_ms: number;
  server_cpu_ms?: number;
  database_cpu_ms?: number;
  generator_cpu_ms: number;
}>;
