import { listLimits, toCircumstances, toVerification, toWarnings } from "../report/circumstances.js";
import { toTable } from "../report/table.js";
import type { IngestResult, IngestRound } from "./ingest-result.js";

/** The result for people. */
export function toIngestReport(result: IngestResult): string {
  const { settings, versions, rounds, ack, verified } = result;
  const lines = [
    `ingest: ${settings.connections} senders with ${settings.window} messages of ${settings.text_bytes} bytes under way each, peers offline, ${settings.seconds} s a round; ${versions.database}`,
    ...toCircumstances(result),
    `  limits raised for the benchmark: ${listLimits(settings.raised_limits)}; warm-up: ${settings.warmup_seconds} s`,
    "",
    ...toTable(
      ["round", ...columns.map(({ title }) => title)],
      rounds.map((round, index) => [String(index + 1), ...toCells(round)]),
    ),
    "",
    ...toSums(result),
    `  ack, from the send of a message until its sender knew it to be stored: p50 ${ack.p50.toFixed(0)}, p99 ${ack.p99.toFixed(0)}, p99.9 ${ack.p999.toFixed(0)}, max ${ack.max.toFixed(0)} ms, with ${settings.connections * settings.window} messages under way`,
    `  ${toVerification(verified)}`,
    ...toWarnings(result.machine),
  ];
  return `${lines.join("\n")}\n`;
}

type Column = Readonly<{ title: string; value: (round: IngestRound) => number | undefined; digits: number }>;

const columns: readonly Column[] = [
  { title: "messages/s", value: ({ messages_per_second }) => messages_per_second, digits: 0 },
  { title: "straight/s", value: ({ straight }) => straight?.messages_per_second, digits: 0 },
  {
    title: "ratio",
    value: ({ messages_per_second, straight }) => straight && messages_per_second / straight.messages_per_second,
    digits: 2,
  },
  { title: "ack p50 ms", value: ({ ack }) => ack.p50, digits: 0 },
  { title: "p99", value: ({ ack }) => ack.p99, digits: 0 },
  { title: "server cpu", value: ({ server_cpu_ms }) => server_cpu_ms, digits: 0 },
  { title: "db cpu", value: ({ database_cpu_ms }) => database_cpu_ms, digits: 0 },
  { title: "generator cpu", value: ({ generator_cpu_ms }) => generator_cpu_ms, digits: 0 },
  { title: "busy %, most", value: ({ generator_busy_shares }) => 100 * Math.max(...generator_busy_shares), digits: 0 },
  { title: "straight: cpu", value: ({ straight }) => straight?.cpu_ms, digits: 0 },
  { title: "db cpu", value: ({ straight }) => straight?.database_cpu_ms, digits: 0 },
];

function toCells(round: IngestRound): string[] {
  return columns.map(({ value, digits }) => value(round)?.toFixed(digits) ?? "–");
}

function toSums({ messages_per_second: own, baseline, ratio, goals, settings }: IngestResult): string[] {
  const rate = `  ${own.median.toFixed(0)} messages a second (${own.min.toFixed(0)}–${own.max.toFixed(0)})`;
  if (!baseline || !ratio) return [`${rate}; no baseline: the embedded database belongs to the server's process`];
  const isReached = own.median >= goals.messages_per_second && ratio.median >= goals.ratio;
  return [
    `${rate} · straight ${baseline.median.toFixed(0)} (${baseline.min.toFixed(0)}–${baseline.max.toFixed(0)}) · ratio ${ratio.median.toFixed(2)} (${ratio.min.toFixed(2)}–${ratio.max.toFixed(2)})`,
    `  straight: ${baseline.name}, in batches of ${baseline.batch_messages} messages, the fastest of several sizes, ${settings.lanes} at a time`,
    `  to be reached: ${goals.messages_per_second} messages a second, and a ratio of ${goals.ratio}: ${isReached ? "reached" : "missed"}`,
  ];
}
