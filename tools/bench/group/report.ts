import { toRange, toTable } from "../figures/table.js";
import type { BenchResult, RoundResult, Verified } from "./result.js";

/** The result as a table for people, with everything that is needed to judge it. */
export function toReport(result: BenchResult): string {
  const { settings, machine, versions, rounds, median, baseline, ratio, verified } = result;
  const totals = rounds.map(({ total_ms }) => total_ms);
  const acks = settings.acks === "off" ? ", without acknowledgements" : "";
  const lines = [
    `${result.scenario}: ${settings.members} members online, each sends one message of ${settings.text_bytes} bytes at once${acks}; ${versions.database}`,
    ...toCircumstances(result),
    `  limits raised for the benchmark: ${listLimits(settings.raised_limits)}; warm-up: ${settings.warmup_rounds} rounds`,
    "",
    ...toTable(
      ["round", ...columns.map(({ title }) => title)],
      [...rounds.map((round, index) => [String(index + 1), ...cells(round)]), ["median", ...cells(median)]],
    ),
    "",
    `  total ${toRange(totals)} ms · raw ${toRange([baseline.min_ms, baseline.max_ms])} ms · ratio ${ratio.median.toFixed(2)} (${toRange([ratio.min, ratio.max], 2)})`,
    `  raw: ${baseline.name}, ${baseline.messages} WebSocket messages, ${baseline.bytes} bytes to each subscriber`,
    `  ${toVerification(verified)}`,
    ...toWarnings(machine),
  ];
  return `${lines.join("\n")}\n`;
}

/** Where it ran and what ran. */
export function toCircumstances({ machine, versions }: Pick<BenchResult, "machine" | "versions">): string[] {
  const gib = (machine.memory_bytes / 2 ** 30).toFixed(0);
  return [
    `  ${machine.cores} × ${machine.cpu}, ${gib} GiB, ${machine.system}, load before ${machine.load_before.toFixed(1)}`,
    `  Tidewire ${versions.tidewire} (${versions.commit}), Node ${versions.node}, uWebSockets ${versions.uwebsockets}, protobuf-es ${versions.protobuf_es}`,
  ];
}

/** What makes the figures doubtful. */
export function toWarnings({ cores, load_before }: BenchResult["machine"]): string[] {
  if (load_before <= cores / 2) return [];
  return ["  others were at work on this machine: run it again when it is quiet"];
}

/** The sums of a verification, good or bad. */
export function toVerification(verified: Verified): string {
  const { sent, acked, delivered, lost, duplicated, reordered, durable_rows } = verified;
  return (
    `verified: ${sent} sent, ${acked} acked, ${delivered} delivered, ${lost} lost, ${duplicated} duplicated, ` +
    `${reordered} reordered, ${durable_rows} rows in the database`
  );
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

/** Limits of the server that were raised, by name. */
export function listLimits(limits: Readonly<Record<string, number>>): string {
  const raised = Object.entries(limits).map(([name, value]) => `${name} ${value}`);
  return raised.length === 0 ? "none" : raised.join(", ");
}
