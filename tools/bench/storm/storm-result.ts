import { toDistribution } from "../figures/bars.js";
import { mediansOf } from "../figures/medians.js";
import { type Quantiles, quantilesOrInfinite, type Spread, toSpread, type Weighted } from "../figures/statistics.js";
import type { Busyness } from "../generator/busyness.js";
import type { Window } from "../generator/generator-calls.js";
import type { TimedLatencies, TimedLatency } from "../generator/timed-latencies.js";
import type { BenchResult, Distribution, Series, Verified } from "../result.js";
import { type CpuUse, toCpuFigures } from "../stage/cpu.js";
import type { Arrived } from "./storm-devices-calls.js";
import { type OfEach, variants } from "./storm-stage.js";

/** What devices that all come at once do to a server, with and without service threads. As JSON, names tell units. */
export type StormResult = Omit<BenchResult, "settings" | "rounds"> &
  Readonly<{
    scenario: "storm";
    settings: StormSettings;
    rounds: readonly OfEach<StormRound>[];
    median: OfEach<StormRound>;
    /** With service threads divided by without, round by round. */
    ratio: Readonly<Record<"live_deliver_p99" | "live_ack_p99" | "event_loop_delay_p99" | "storm", Spread>>;
    goals: typeof goals;
    /** Over all rounds, warm-up included, of both servers. */
    verified: StormVerified;
  }>;

/** What is to be reached by the medians of the ratios; in measuring, a twentieth is nothing. */
export const goals = { live_deliver_p99_ratio: 1.05, event_loop_delay_p99_ratio: 0.5, dream_live_p99_ms: 50 } as const;

/** As of `direct`, of live traffic; what devices were given by pages counts in `lost` and `duplicated`, too. */
export type StormVerified = Verified & Readonly<{ synced: number; synced_rows: number }>;

export type StormSettings = Readonly<{
  database: string;
  devices: number;
  group_members: number;
  messages: number;
  service_threads: number;
  pairs: number;
  messages_per_second: number;
  rounds: number;
  warmup_rounds: number;
  logins: number;
  text_bytes: number;
  generators: number;
  raised_limits: Readonly<Record<string, number>>;
}>;

export type StormRound = Readonly<{
  /** From the first device's connect until the last one had everything. */
  storm_ms: number;
  /** Of each device from its own connect until it had everything. */
  caught_up: Quantiles;
  /** Logins that the server did not let in and that were tried again. */
  turned_away: number;
  /** Reads of heads and pages that failed for the moment and were tried again. */
  put_off: number;
  /** Of live messages that were to be sent meanwhile, in milliseconds since then. */
  live_ack: Quantiles;
  live_deliver: Quantiles;
  /** The same before the storm. */
  calm_ack: Quantiles;
  calm_deliver: Quantiles;
  /** How much later than it was to be sent a live message left, storm or not. It is part of the others. */
  late: Quantiles;
  event_loop_delay_p99_ms: number;
  /** Calls about messages that were done by the thread of the sockets, and that were handed over. */
  calls_here: number;
  calls_handed_over: number;
  server_cpu_ms?: number;
  database_cpu_ms?: number;
  /** Of all processes that make the load; the live one's for the whole stretch. */
  generator_cpu_ms: number;
  /** Of the process of live traffic, and of the busiest one with devices. */
  live_busy_share: number;
  devices_busy_share: number;
}>;

/** What was seen of one storm. Times on the machine's monotonic clock. */
export type SeenStorm = Readonly<{
  devices: readonly Arrived[];
  turnedAway: number;
  putOff: number;
  timed: TimedLatencies;
  late: readonly Weighted[];
  /** When live traffic began to flow. */
  calmUs: number;
  counters: Counters;
  cpu: CpuUse;
  liveBusyness: Busyness;
  devicesBusyness: Busyness;
}>;

/** What the server counted during the storm. */
export type Counters = Readonly<{ eventLoopDelayP99Ms: number; here: number; handedOver: number }>;

/**
 * @param before read just before the storm: the event loop's delay is that since the last reading.
 * @param after read just after it.
 */
export function toCounters(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): Counters {
  const rise = (name: string) => (after.get(name) ?? 0) - (before.get(name) ?? 0);
  return {
    eventLoopDelayP99Ms: 1_000 * (after.get("tidewire_event_loop_delay_p99_seconds") ?? Number.NaN),
    here: rise('tidewire_placed_calls_total{place="here"}'),
    handedOver: rise('tidewire_placed_calls_total{place="thread"}'),
  };
}

/** From the first connect until the last device had everything. */
function windowOf(devices: readonly Arrived[]): Window {
  return {
    fromUs: Math.min(...devices.map(({ startUs }) => startUs)),
    toUs: Math.max(...devices.map(({ startUs, caughtUpMs }) => startUs + 1_000 * caughtUpMs)),
  };
}

/** Of messages that were to be sent within the window, its begin included. */
export function latenciesIn(timed: readonly TimedLatency[], { fromUs, toUs }: Window): Weighted[] {
  return timed.filter(({ dueUs }) => dueUs >= fromUs && dueUs < toUs).map(({ ms }) => ({ value: ms, count: 1 }));
}

export function toStormRound(seen: SeenStorm): StormRound {
  const storm = windowOf(seen.devices);
  const calm = { fromUs: seen.calmUs, toUs: storm.fromUs };
  return {
    storm_ms: (storm.toUs - storm.fromUs) / 1_000,
    caught_up: quantilesOrInfinite(caughtUpOf(seen)),
    turned_away: seen.turnedAway,
    put_off: seen.putOff,
    live_ack: quantilesOrInfinite(latenciesIn(seen.timed.ack, storm)),
    live_deliver: quantilesOrInfinite(latenciesIn(seen.timed.deliver, storm)),
    calm_ack: quantilesOrInfinite(latenciesIn(seen.timed.ack, calm)),
    calm_deliver: quantilesOrInfinite(latenciesIn(seen.timed.deliver, calm)),
    late: quantilesOrInfinite(seen.late),
    event_loop_delay_p99_ms: seen.counters.eventLoopDelayP99Ms,
    calls_here: seen.counters.here,
    calls_handed_over: seen.counters.handedOver,
    ...toCpuFigures(seen.cpu),
    generator_cpu_ms: seen.liveBusyness.cpuMs + seen.devicesBusyness.cpuMs,
    live_busy_share: seen.liveBusyness.busyShare,
    devices_busy_share: seen.devicesBusyness.busyShare,
  };
}

function caughtUpOf({ devices }: Pick<SeenStorm, "devices">): Weighted[] {
  return devices.map(({ caughtUpMs }) => ({ value: caughtUpMs, count: 1 }));
}

/** @throws Error if there are no rounds. */
export function summarizeStorms(
  storms: readonly OfEach<SeenStorm>[],
): Required<Pick<StormResult, "rounds" | "median" | "ratio" | "histograms" | "series">> {
  const rounds = storms.map((storm) => ({ without: toStormRound(storm.without), with: toStormRound(storm.with) }));
  const ratio = (value: (round: StormRound) => number) =>
    toSpread(rounds.map((round) => value(round.with) / value(round.without)));
  return {
    rounds,
    median: mediansOf(rounds),
    ratio: {
      live_deliver_p99: ratio(({ live_deliver }) => live_deliver.p99),
      live_ack_p99: ratio(({ live_ack }) => live_ack.p99),
      event_loop_delay_p99: ratio(({ event_loop_delay_p99_ms }) => event_loop_delay_p99_ms),
      storm: ratio(({ storm_ms }) => storm_ms),
    },
    histograms: toHistograms(storms),
    series: toSeries(storms),
  };
}

function toHistograms(storms: readonly OfEach<SeenStorm>[]): Distribution[] {
  const liveOf = (seen: SeenStorm) => latenciesIn(seen.timed.deliver, windowOf(seen.devices));
  return [
    ...variants.map((variant) =>
      toDistribution(
        `live deliver, ${variant}`,
        "ms",
        storms.flatMap((storm) => liveOf(storm[variant])),
      ),
    ),
    ...variants.map((variant) =>
      toDistribution(
        `caught up, ${variant}`,
        "ms",
        storms.flatMap((storm) => caughtUpOf(storm[variant])),
      ),
    ),
  ];
}

/** Of the last round, in seconds since the first device's connect, the calm before it included. */
function toSeries(storms: readonly OfEach<SeenStorm>[]): Series[] {
  const last = storms.at(-1);
  if (!last) return [];
  return [
    ...variants.map((variant) => toLiveSeries(`slowest live delivery, ${variant}`, last[variant])),
    ...variants.map((variant) => toCaughtUpSeries(`devices that have caught up, ${variant}`, last[variant])),
  ];
}

const stepUs = 100_000;

/** The greatest latency of what was to be sent in each tenth of a second. */
function toLiveSeries(name: string, { timed, devices }: SeenStorm): Series {
  const { fromUs } = windowOf(devices);
  const slowest = new Map<number, number>();
  for (const { dueUs, ms } of timed.deliver) {
    const step = Math.floor((dueUs - fromUs) / stepUs);
    slowest.set(step, Math.max(ms, slowest.get(step) ?? 0));
  }
  const points = [...slowest].sort(([one], [other]) => one - other).map(([step, ms]) => [step / 10, ms] as const);
  return { name, unit: "ms", points };
}

function toCaughtUpSeries(name: string, { devices }: SeenStorm): Series {
  const { fromUs, toUs } = windowOf(devices);
  const ends = devices.map(({ startUs, caughtUpMs }) => startUs + 1_000 * caughtUpMs);
  const steps = Math.ceil((toUs - fromUs) / stepUs) + 1;
  const points = Array.from({ length: steps }, (_, step) => {
    const untilUs = fromUs + step * stepUs;
    return [step / 10, ends.filter((endUs) => endUs <= untilUs).length] as const;
  });
  return { name, unit: "devices", points };
}
