import { toDistribution } from "../figures/bars.js";
import { type Quantiles, quantiles, type Weighted } from "../figures/statistics.js";
import { addUpBusyness } from "../generator/busyness.js";
import type { StretchReport } from "../generator/generator-calls.js";
import type { BenchResult, Verified } from "../result.js";
import { type CpuMs, toCpuFigures } from "../stage/cpu.js";

/** How long direct messages take at a steady rate. As JSON, names tell units, as in BenchResult. */
export type DirectResult = Omit<BenchResult, "settings" | "rounds"> &
  Readonly<{
    scenario: "direct";
    settings: DirectSettings;
    rounds: readonly DirectRound[];
    /** Of all rounds, in milliseconds since a message was to be sent: until its sender knew it to be stored, */
    ack: Quantiles;
    /** and until its peer had it. */
    deliver: Quantiles;
    goals: typeof goals;
    /** Over all rounds, warm-up included. */
    verified: Verified;
  }>;

/** What is to be reached at 1,000 messages a second on PostgreSQL, in milliseconds: by acks and by deliveries. */
export const goals = { p50_ms: 1.5, p99_ms: 10, at_messages_per_second: 1_000 } as const;

export type DirectSettings = Readonly<{
  database: string;
  pairs: number;
  messages_per_second: number;
  seconds: number;
  rounds: number;
  warmup_seconds: number;
  text_bytes: number;
  generators: number;
  raised_limits: Readonly<Record<string, number>>;
}>;

export type DirectRound = Readonly<{
  messages: number;
  /** In milliseconds since a message was to be sent. */
  ack: Quantiles;
  deliver: Quantiles;
  /** How much later than it was to be sent a message left. It is part of the other two. */
  late: Quantiles;
  /** From before the first send until all was delivered. */
  server_cpu_ms?: number;
  database_cpu_ms?: number;
  /** Of all load generators together, and of the busiest one. */
  generator_cpu_ms: number;
  generator_busy_share: number;
}>;

/** What all load generators saw of a stretch. */
export type Stretch = Readonly<{
  deliver: readonly Weighted[];
  ack: readonly Weighted[];
  late: readonly Weighted[];
  acked: number;
  problems: readonly string[];
  generatorCpuMs: number;
  generatorBusyShare: number;
}>;

export function mergeReports(reports: readonly StretchReport[]): Stretch {
  const { cpuMs, busyShare } = addUpBusyness(reports.map(({ busyness }) => busyness));
  return {
    deliver: reports.flatMap(({ deliver }) => deliver),
    ack: reports.flatMap(({ ack }) => ack),
    late: reports.flatMap(({ late }) => late),
    acked: reports.reduce((sum, { acked }) => sum + acked, 0),
    problems: reports.flatMap(({ problems }) => problems),
    generatorCpuMs: cpuMs,
    generatorBusyShare: busyShare,
  };
}

/** @throws Error if nothing was delivered. */
export function toDirectRound(messages: number, stretch: Stretch, cpu: CpuMs): DirectRound {
  return {
    messages,
    ack: quantiles(stretch.ack),
    deliver: quantiles(stretch.deliver),
    late: quantiles(stretch.late),
    ...toCpuFigures(cpu),
    generator_cpu_ms: stretch.generatorCpuMs,
    generator_busy_share: stretch.generatorBusyShare,
  };
}

/** @throws Error if there are no stretches. */
export function summarizeLatencies(
  stretches: readonly Pick<Stretch, "ack" | "deliver">[],
): Required<Pick<DirectResult, "ack" | "deliver" | "histograms">> {
  const ack = stretches.flatMap((stretch) => stretch.ack);
  const deliver = stretches.flatMap((stretch) => stretch.deliver);
  const histograms = [toDistribution("ack", "ms", ack), toDistribution("deliver", "ms", deliver)];
  return { ack: quantiles(ack), deliver: quantiles(deliver), histograms };
}
