import type { Spread } from "../figures/statistics.js";
import { listLimits, toCircumstances, toVerification, toWarnings } from "../report/circumstances.js";
import { toTable } from "../report/table.js";
import type { StormResult, StormRound } from "./storm-result.js";
import { type Variant, variants } from "./storm-stage.js";

/** The result for people. */
export function toStormReport(result: StormResult): string {
  const { settings, versions, rounds, median, verified } = result;
  const rows = [...rounds.map((round, index) => [String(index + 1), round] as const), ["median", median] as const];
  const lines = [
    `storm: ${settings.devices} devices come at once and get ${settings.messages} messages of ${settings.text_bytes} bytes each, while ${settings.pairs} pairs send ${settings.messages_per_second} messages a second; without service threads, and with ${settings.service_threads}; ${versions.database}`,
    ...toCircumstances(result),
    `  limits raised for the benchmark: ${listLimits(settings.raised_limits)}; warm-up: ${settings.warmup_rounds} round`,
    "",
    ...toTable(
      ["round", "threads", ...columns.map(({ title }) => title)],
      rows.flatMap(([name, round]) =>
        variants.map((variant) => [name, nameOf(variant, result), ...toCells(round[variant])]),
      ),
    ),
    "",
    ...toRatios(result),
    "  live: messages between pairs that were to be sent during the storm, from then until their peer had them (ack: until their sender knew them to be stored)",
    "  caught up: from a device's connect until it had its whole log; loop delay: p99 of the event loop of the sockets, which is looked at every 10 ms, so that 10 is none",
    `  ${toVerification(verified)}; ${verified.synced} synced, ${verified.synced_rows} rows of them`,
    ...toWarnings(result.machine),
  ];
  return `${lines.join("\n")}\n`;
}

type Column = Readonly<{ title: string; value: (round: StormRound) => number | undefined; digits: number }>;

const columns: readonly Column[] = [
  { title: "live p50 ms", value: ({ live_deliver }) => live_deliver.p50, digits: 1 },
  { title: "p99", value: ({ live_deliver }) => live_deliver.p99, digits: 1 },
  { title: "p99.9", value: ({ live_deliver }) => live_deliver.p999, digits: 1 },
  { title: "max", value: ({ live_deliver }) => live_deliver.max, digits: 1 },
  { title: "ack p50", value: ({ live_ack }) => live_ack.p50, digits: 1 },
  { title: "p99", value: ({ live_ack }) => live_ack.p99, digits: 1 },
  { title: "before: p99", value: ({ calm_deliver }) => calm_deliver.p99, digits: 1 },
  { title: "loop delay", value: ({ event_loop_delay_p99_ms }) => event_loop_delay_p99_ms, digits: 1 },
  { title: "storm ms", value: ({ storm_ms }) => storm_ms, digits: 0 },
  { title: "caught up p50", value: ({ caught_up }) => caught_up.p50, digits: 0 },
  { title: "p99", value: ({ caught_up }) => caught_up.p99, digits: 0 },
  { title: "turned away", value: ({ turned_away }) => turned_away, digits: 0 },
  { title: "put off", value: ({ put_off }) => put_off, digits: 0 },
  { title: "calls here", value: ({ calls_here }) => calls_here, digits: 0 },
  { title: "handed over", value: ({ calls_handed_over }) => calls_handed_over, digits: 0 },
  { title: "server cpu", value: ({ server_cpu_ms }) => server_cpu_ms, digits: 0 },
  { title: "db cpu", value: ({ database_cpu_ms }) => database_cpu_ms, digits: 0 },
  { title: "generator cpu", value: ({ generator_cpu_ms }) => generator_cpu_ms, digits: 0 },
  { title: "busy %, live", value: ({ live_busy_share }) => 100 * live_busy_share, digits: 0 },
  { title: "devices", value: ({ devices_busy_share }) => 100 * devices_busy_share, digits: 0 },
];

function nameOf(variant: Variant, { settings }: StormResult): string {
  return variant === "without" ? "0" : String(settings.service_threads);
}

function toCells(round: StormRound): string[] {
  return columns.map(({ value, digits }) => value(round)?.toFixed(digits) ?? "–");
}

/** With service threads divided by without. */
function toRatios({ ratio, goals, median }: StormResult): string[] {
  const verdict = (spread: Spread, max: number) =>
    `${describe(spread)}, to be at most ${max}: ${spread.median <= max ? "reached" : "missed"}`;
  const p99 = median.with.live_deliver.p99;
  return [
    "  with service threads divided by without, median of the rounds and their range:",
    `  live p99 ${verdict(ratio.live_deliver_p99, goals.live_deliver_p99_ratio)} (of acks ${describe(ratio.live_ack_p99)})`,
    `  event loop delay p99 ${verdict(ratio.event_loop_delay_p99, goals.event_loop_delay_p99_ratio)}`,
    `  storm ${describe(ratio.storm)}; dreamt of: a live p99 of ${goals.dream_live_p99_ms} ms with service threads, it is ${p99.toFixed(0)} ms`,
  ];
}

function describe({ median, min, max }: Spread): string {
  return `${median.toFixed(2)} (${min.toFixed(2)}–${max.toFixed(2)})`;
}
