import { toDistribution } from "../figures/bars.js";
import { type Quantiles, quantiles, quantilesOrInfinite, type Weighted } from "../figures/statistics.js";
import type { BenchResult, Series, Verified } from "../result.js";
import { type CpuMs, toCpuFigures } from "../stage/cpu.js";
import type { LossReport } from "./loss-devices-calls.js";
import { type DropKind, dropKinds } from "./spells.js";

/** What dropped connections cost. As JSON, names tell units, as in BenchResult. */
export type LossResult = Omit<BenchResult, "settings" | "rounds"> &
  Readonly<{
    scenario: "loss";
    settings: LossSettings;
    rounds: readonly LossRound[];
    /** Over all rounds, in milliseconds. */
    recovery: Quantiles;
    recovery_by_kind: Readonly<Partial<Record<DropKind, Quantiles & { drops: number }>>>;
    /** Of deliveries whose sender or receiver was without its connection, or not yet well again, at some time; and of the others. */
    deliver_dropped: Quantiles;
    deliver_undisturbed: Quantiles;
    goals: typeof goals;
    /** Over all rounds, warm-up included. */
    verified: Verified;
  }>;

/** What is to be reached, in milliseconds. */
export const goals = { recovery_p99_ms: 3_000 } as const;

export type LossSettings = Readonly<{
  database: string;
  pairs: number;
  messages_per_second: number;
  drop_every_seconds: number;
  seconds: number;
  rounds: number;
  warmup_seconds: number;
  text_bytes: number;
  generators: number;
  raised_limits: Readonly<Record<string, number>>;
}>;

export type LossRound = Readonly<{
  messages: number;
  drops: number;
  recovery: Quantiles;
  deliver_dropped: Quantiles;
  deliver_undisturbed: Quantiles;
  ack: Quantiles;
  late: Quantiles;
  server_cpu_ms?: number;
  database_cpu_ms?: number;
  generator_cpu_ms: number;
  generator_busy_share: number;
}>;

export type LossStretch = Readonly<{
  deliverDropped: readonly Weighted[];
  recoveries: LossReport["recoveries"];
}>;

export function mergeLoss(reports: readonly LossReport[]): LossStretch {
  return {
    deliverDropped: reports.flatMap(({ deliverDropped }) => deliverDropped),
    recoveries: reports.flatMap(({ recoveries }) => recoveries),
  };
}

type Latencies = Readonly<Record<"deliver" | "ack" | "late", readonly Weighted[]>>;

export function toLossRound(
  messages: number,
  stretch: Latencies & LossStretch,
  busy: Readonly<{ generatorCpuMs: number; generatorBusyShare: number }>,
  cpu: CpuMs,
): LossRound {
  return {
    messages,
    drops: stretch.recoveries.length,
    recovery: quantilesOrInfinite(toRecoveries(stretch.recoveries)),
    deliver_dropped: quantilesOrInfinite(stretch.deliverDropped),
    deliver_undisturbed: quantilesOrInfinite(stretch.deliver),
    ack: quantilesOrInfinite(stretch.ack),
    late: quantilesOrInfinite(stretch.late),
    ...toCpuFigures(cpu),
    generator_cpu_ms: busy.generatorCpuMs,
    generator_busy_share: busy.generatorBusyShare,
  };
}

export function summarizeLoss(
  stretches: readonly (Pick<Latencies, "deliver"> & LossStretch)[],
  startUs: number,
): Pick<
  LossResult,
  "recovery" | "recovery_by_kind" | "deliver_dropped" | "deliver_undisturbed" | "histograms" | "series"
> {
  const recoveries = stretches.flatMap((stretch) => stretch.recoveries);
  const recovery = toRecoveries(recoveries);
  const dropped = stretches.flatMap(({ deliverDropped }) => deliverDropped);
  const undisturbed = stretches.flatMap(({ deliver }) => deliver);
  const byKind = dropKinds.flatMap((kind) => {
    const own = toRecoveries(recoveries.filter((each) => each.kind === kind));
    return own.length === 0 ? [] : [[kind, { drops: own.length, ...quantiles(own) }]];
  });
  return {
    recovery: quantilesOrInfinite(recovery),
    recovery_by_kind: Object.fromEntries(byKind),
    deliver_dropped: quantilesOrInfinite(dropped),
    deliver_undisturbed: quantilesOrInfinite(undisturbed),
    histograms: [
      toDistribution("recovery", "ms", recovery),
      toDistribution("deliver, dropped", "ms", dropped),
      toDistribution("deliver, undisturbed", "ms", undisturbed),
    ],
    series: [toRecoverySeries(recoveries, startUs)],
  };
}

/** One point for each drop. */
function toRecoverySeries(recoveries: LossReport["recoveries"], startUs: number): Series {
  const points = recoveries.map(({ atUs, recoveryMs }) => [(atUs - startUs) / 1e6, recoveryMs] as const);
  return { name: "recovery", unit: "ms", points: points.sort(([one], [other]) => one - other) };
}

function toRecoveries(recoveries: LossReport["recoveries"]): Weighted[] {
  return recoveries.map(({ recoveryMs }) => ({ value: recoveryMs, count: 1 }));
}
