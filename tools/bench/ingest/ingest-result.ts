import { toDistribution } from "../figures/bars.js";
import { type Quantiles, quantiles, type Spread, toSpread, type Weighted } from "../figures/statistics.js";
import type { IngestReport } from "../generator/generator-calls.js";
import type { BenchResult, Series, Verified } from "../result.js";

/** How many durable messages a second a server takes. As JSON, names tell units, as in BenchResult. */
export type IngestResult = Omit<BenchResult, "settings" | "rounds"> &
  Readonly<{
    scenario: "ingest";
    settings: IngestSettings;
    rounds: readonly IngestRound[];
    messages_per_second: Spread;
    /** Of all rounds, from the send of a message until its sender knew it to be stored. */
    ack: Quantiles;
    /** The same append called straight on the store. None with the embedded database, which only the server can open. */
    baseline?: Spread & Readonly<{ name: string; batch_messages: number }>;
    /** Of the rounds: messages a second divided by those of the baseline. */
    ratio?: Spread;
    goals: typeof goals;
    /** Over all rounds, warm-up included. */
    verified: Verified;
  }>;

/** What is to be reached on PostgreSQL. */
export const goals = { messages_per_second: 25_000, ratio: 0.5 } as const;

export type IngestSettings = Readonly<{
  database: string;
  connections: number;
  window: number;
  seconds: number;
  rounds: number;
  warmup_seconds: number;
  text_bytes: number;
  generators: number;
  lanes: number;
  raised_limits: Readonly<Record<string, number>>;
}>;

export type IngestRound = Readonly<{
  /** Those that senders knew to be stored before the round ended. */
  messages_per_second: number;
  ack: Quantiles;
  /** From before the first send until everything was stored. */
  server_cpu_ms?: number;
  database_cpu_ms?: number;
  /** Of all load generators together, and the share of each. */
  generator_cpu_ms: number;
  generator_busy_shares: readonly number[];
  straight?: StraightRound;
}>;

export type StraightRound = Readonly<{
  messages_per_second: number;
  /** Of its own process. */
  cpu_ms: number;
  busy_share: number;
  database_cpu_ms?: number;
}>;

/** Messages a second as time went by: each number is that of one second. */
export type Throughput = Readonly<{ startUs: number; storedBySecond: readonly number[] }>;

/** What all load generators saw of a round. */
export type IngestStretch = Throughput &
  Readonly<{
    sent: number;
    acked: number;
    ack: readonly Weighted[];
    problems: readonly string[];
    generatorCpuMs: number;
    busyShares: readonly number[];
  }>;

/** @throws Error if there are no reports. */
export function mergeIngest(reports: readonly IngestReport[]): IngestStretch {
  const sum = (value: (report: IngestReport) => number) => reports.reduce((total, report) => total + value(report), 0);
  const [first] = reports;
  if (!first) throw new Error("no load generator has reported");
  return {
    startUs: Math.min(...reports.map(({ startUs }) => startUs)),
    storedBySecond: first.storedBySecond.map((_, second) => sum(({ storedBySecond }) => storedBySecond[second] ?? 0)),
    sent: sum(({ sent }) => sent),
    acked: sum(({ acked }) => acked),
    ack: reports.flatMap(({ ack }) => ack),
    problems: reports.flatMap(({ problems }) => problems),
    generatorCpuMs: sum(({ busyness }) => busyness.cpuMs),
    busyShares: reports.map(({ busyness }) => busyness.busyShare),
  };
}

/** The mean of the seconds of a round. */
export function toRate({ storedBySecond }: Throughput): number {
  return storedBySecond.reduce((sum, count) => sum + count, 0) / storedBySecond.length;
}

/** @throws Error if there are no rounds. */
export function summarizeIngest(
  rounds: readonly IngestRound[],
  ack: readonly Weighted[],
  batchMessages: number | undefined,
): Pick<IngestResult, "messages_per_second" | "ack" | "baseline" | "ratio" | "histograms"> {
  const straight = rounds.flatMap((round) => round.straight ?? []);
  const summary = {
    messages_per_second: toSpread(rounds.map((round) => round.messages_per_second)),
    ack: quantiles(ack),
    histograms: [toDistribution("ack", "ms", ack)],
  };
  if (batchMessages === undefined || straight.length === 0) return summary;
  return {
    ...summary,
    baseline: {
      name: "the same append straight on the store",
      batch_messages: batchMessages,
      ...toSpread(straight.map((round) => round.messages_per_second)),
    },
    ratio: toSpread(
      rounds.map((round) => round.messages_per_second / (round.straight?.messages_per_second ?? Number.NaN)),
    ),
  };
}

/** @param startUs when the clock started, on the machine's clock. */
export function toSeries(name: string, startUs: number, rounds: readonly Throughput[]): Series {
  const points = rounds.flatMap((round) =>
    round.storedBySecond.map((count, second) => [(round.startUs - startUs) / 1e6 + second, count] as const),
  );
  return { name, unit: "messages/s", points };
}
