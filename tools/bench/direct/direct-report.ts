import type { Quantiles } from "../figures/statistics.js";
import { listLimits, toCircumstances, toVerification, toWarnings } from "../report/circumstances.js";
import { toTable } from "../report/table.js";
import type { DirectResult, DirectRound } from "./direct-result.js";

/** The result for people. */
export function toDirectReport(result: DirectResult): string {
  const { settings, versions, rounds, ack, deliver, verified } = result;
  const lines = [
    `direct: ${settings.pairs} pairs of users online, ${settings.messages_per_second} messages of ${settings.text_bytes} bytes a second in all, ${settings.seconds} s a round; ${versions.database}`,
    ...toCircumstances(result),
    `  limits raised for the benchmark: ${listLimits(settings.raised_limits)}; warm-up: ${settings.warmup_seconds} s`,
    "",
    ...toTable(
      ["round", ...columns.map(({ title }) => title)],
      rounds.map((round, index) => [String(index + 1), ...toCells(round)]),
    ),
    "",
    `  ack, until its sender knew a message to be stored: ${describe(ack)}`,
    `  deliver, until its peer had it: ${describe(deliver)}`,
    `  ${toGoals(result)}`,
    `  times count from when a message was to be sent; it left later by p99 ${Math.max(...rounds.map(({ late }) => late.p99)).toFixed(2)} ms at most`,
    `  ${toVerification(verified)}`,
    ...toWarnings(result.machine),
  ];
  return `${lines.join("\n")}\n`;
}

type Column = Readonly<{ title: string; value: (round: DirectRound) => number | undefined; digits: number }>;

const columns: readonly Column[] = [
  { title: "ack p50 ms", value: ({ ack }) => ack.p50, digits: 2 },
  { title: "p99", value: ({ ack }) => ack.p99, digits: 1 },
  { title: "p99.9", value: ({ ack }) => ack.p999, digits: 1 },
  { title: "max", value: ({ ack }) => ack.max, digits: 1 },
  { title: "deliver p50 ms", value: ({ deliver }) => deliver.p50, digits: 2 },
  { title: "p99", value: ({ deliver }) => deliver.p99, digits: 1 },
  { title: "p99.9", value: ({ deliver }) => deliver.p999, digits: 1 },
  { title: "max", value: ({ deliver }) => deliver.max, digits: 1 },
  { title: "late p50", value: ({ late }) => late.p50, digits: 2 },
  { title: "p99", value: ({ late }) => late.p99, digits: 1 },
  { title: "server cpu", value: ({ server_cpu_ms }) => server_cpu_ms, digits: 0 },
  { title: "db cpu", value: ({ database_cpu_ms }) => database_cpu_ms, digits: 0 },
  { title: "generator cpu", value: ({ generator_cpu_ms }) => generator_cpu_ms, digits: 0 },
  { title: "busy %", value: ({ generator_busy_share }) => 100 * generator_busy_share, digits: 0 },
];

function toCells(round: DirectRound): string[] {
  return columns.map(({ value, digits }) => value(round)?.toFixed(digits) ?? "–");
}

function describe({ p50, p99, p999, max }: Quantiles): string {
  return `p50 ${p50.toFixed(2)}, p99 ${p99.toFixed(1)}, p99.9 ${p999.toFixed(1)}, max ${max.toFixed(1)} ms`;
}

function toGoals({ goals, settings, ack, deliver }: DirectResult): string {
  const goal = `p50 at most ${goals.p50_ms} ms and p99 at most ${goals.p99_ms} ms, both, at ${goals.at_messages_per_second} messages a second on PostgreSQL`;
  const isTheirs = settings.database === "postgresql" && settings.messages_per_second === goals.at_messages_per_second;
  if (!isTheirs) return `to be reached: ${goal}`;
  const isReached = [ack, deliver].every(({ p50, p99 }) => p50 <= goals.p50_ms && p99 <= goals.p99_ms);
  return `to be reached: ${goal}: ${isReached ? "reached" : "missed"}`;
}
