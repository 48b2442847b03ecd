import { listLimits, toCircumstances, toVerification, toWarnings } from "../report/circumstances.js";
import { toRange, toTable } from "../report/table.js";
import type { GroupResult, RoundResult } from "./result.js";

/** The result as a table for people, with everything that is needed to judge it. */
export function toGroupReport(result: GroupResult): string {
  const { settings, machine, versions, rounds, median, baseline, ratio, goals, verified } = result;
  const totals = rounds.map(({ total_ms }) => total_ms);
  const isOne = settings.senders === 1;
  const work = isOne ? "one of them sends" : "each sends";
  const acks = settings.acks === "off" ? ", without acknowledgements" : "";
  const lines = [
    `${result.scenario}: ${settings.members} members online, ${work} one message of ${settings.text_bytes} bytes${isOne ? "" : " at once"}${acks}; ${versions.database}`,
    ...toCircumstances(result),
    `  limits raised for the benchmark: ${listLimits(settings.raised_limits)}; warm-up: ${settings.warmup_rounds} rounds`,
    "",
    ...toTable(
      ["round", ...columns.map(({ title }) => title)],
      [...rounds.map((round, index) => [String(index + 1), ...cells(round)]), ["median", ...cells(median)]],
    ),
    "",
    `  total ${toRange(totals)} ms · raw ${toRange([baseline.min_ms, baseline.max_ms])} ms · ratio ${ratio.median.toFixed(2)} (${toRange([ratio.min, ratio.max], 2)}), to be at least ${goals.ratio.toFixed(2)}`,
    `  the last delivery came after ${(1 / ratio.median).toFixed(2)} times the raw publish (${toRange([1 / ratio.max, 1 / ratio.min], 2)})`,
    `  raw: ${baseline.name}, ${baseline.messages} WebSocket messages, ${baseline.bytes} bytes to each subscriber`,
    `  ${toVerification(verified)}`,
    ...toWarnings(machine),
  ];
  return `${lines.join("\n")}\n`;
}

type Column = Readonly<{ title: string; value: (round: RoundResult) => number | undefined; digits: number }>;

const columns: readonly Column[] = [
  { title: "total ms", value: ({ total_ms }) => total_ms, digits: 1 },
  { title: "raw ms", value: ({ raw_ms }) => raw_ms, digits: 1 },
  { title: "ratio", value: ({ ratio }) => ratio, digits: 2 },
  { title: "deliver p50", value: ({ deliver_p50_ms }) => deliver_p50_ms, digits: 1 },
  { title: "p99", value: ({ deliver_p99_ms }) => deliver_p99_ms, digits: 1 },
  { title: "ack p50", value: ({ ack_p50_ms }) => ack_p50_ms, digits: 1 },
  { title: "max", value: ({ ack_max_ms }) => ack_max_ms, digits: 1 },
  { title: "acks", value: ({ acks }) => acks, digits: 0 },
  { title: "server cpu", value: ({ server_cpu_ms }) => server_cpu_ms, digits: 0 },
  { title: "db cpu", value: ({ database_cpu_ms }) => database_cpu_ms, digits: 0 },
  { title: "generator cpu", value: ({ generator_cpu_ms }) => generator_cpu_ms, digits: 0 },
  { title: "busy %", value: ({ generator_busy_share }) => 100 * generator_busy_share, digits: 0 },
];

function cells(round: RoundResult): string[] {
  return columns.map(({ value, digits }) => value(round)?.toFixed(digits) ?? "–");
}
