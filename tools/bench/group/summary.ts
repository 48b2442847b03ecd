import { median, medianIfKnown, toSpread } from "../figures/statistics.js";
import type { GroupResult, RoundResult } from "./result.js";

/**
 * What the rounds come to.
 * @param messages the WebSocket messages that the baseline published in the last round.
 * @throws Error if there are no rounds.
 */
export function summarize(
  rounds: readonly RoundResult[],
  messages: readonly Uint8Array[],
): Pick<GroupResult, "rounds" | "median" | "baseline" | "ratio"> {
  const ratios = rounds.map(({ ratio }) => ratio);
  const rawMs = rounds.map(({ raw_ms }) => raw_ms);
  return {
    rounds,
    median: medianRound(rounds),
    baseline: {
      name: "raw uWebSockets publish of the same bytes",
      messages: messages.length,
      bytes: messages.reduce((sum, { length }) => sum + length, 0),
      median_ms: median(rawMs),
      min_ms: Math.min(...rawMs),
      max_ms: Math.max(...rawMs),
    },
    ratio: toSpread(ratios),
  };
}

function medianRound(rounds: readonly RoundResult[]): RoundResult {
  const of = (name: keyof RoundResult) => median(rounds.map((round) => round[name] ?? Number.NaN));
  const serverCpuMs = medianIfKnown(rounds.map(({ server_cpu_ms }) => server_cpu_ms));
  const databaseCpuMs = medianIfKnown(rounds.map(({ database_cpu_ms }) => database_cpu_ms));
  return {
    total_ms: of("total_ms"),
    raw_ms: of("raw_ms"),
    ratio: of("ratio"),
    deliver_p50_ms: of("deliver_p50_ms"),
    deliver_p99_ms: of("deliver_p99_ms"),
    deliver_p999_ms: of("deliver_p999_ms"),
    deliver_max_ms: of("deliver_max_ms"),
    ack_p50_ms: of("ack_p50_ms"),
    ack_p99_ms: of("ack_p99_ms"),
    ack_max_ms: of("ack_max_ms"),
    acks: of("acks"),
    ...(serverCpuMs === undefined ? {} : { server_cpu_ms: serverCpuMs }),
    ...(databaseCpuMs === undefined ? {} : { database_cpu_ms: databaseCpuMs }),
    generator_cpu_ms: of("generator_cpu_ms"),
    generator_busy_share: of("generator_busy_share"),
  };
}
