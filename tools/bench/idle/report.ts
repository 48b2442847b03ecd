import { listLimits, toCircumstances, toWarnings } from "../report/circumstances.js";
import { toRange, toTable } from "../report/table.js";
import type { Memory } from "./memory.js";
import type { IdleResult } from "./result.js";

/** Nobody reads more. */
const heapLinesMax = 60;

/** The result as a table for people. */
export function toIdleReport(result: IdleResult): string {
  const { settings, versions, empty, rounds, median, baseline, ratio, goals, verified } = result;
  const totals = rounds.map(({ connection }) => connection.resident_bytes);
  const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  const lines = [
    `idle: ${settings.connections} devices logged in and idle, in no conversation; ${versions.database}`,
    ...toCircumstances(result),
    `  limits raised for the benchmark: ${listLimits(settings.raised_limits)}; warm-up: ${settings.warmup_connections} connections come and go`,
    "",
    "  bytes for each connection, after a full garbage collection, over the server before the first round",
    "",
    ...toTable(titles, [
      ...rounds.flatMap((round, index) => [
        toCells(`${index + 1}: connected`, round.connection, round.ratio),
        toCells("   all have left", round.left),
        toCells("   bare sockets", round.raw),
      ]),
      toCells("median: connected", median.connection, ratio.median),
      toCells("   all have left", median.left),
      toCells("   bare sockets", median.raw),
    ]),
    "",
    `  a connection ${median.connection.resident_bytes.toFixed(0)} bytes (${toRange(totals, 0)}), to be at most ${goals.connection_bytes}`,
    `  baseline: ${baseline.name}, ${baseline.median_bytes.toFixed(0)} bytes each (${toRange([baseline.min_bytes, baseline.max_bytes], 0)}); ratio ${ratio.median.toFixed(2)} (${toRange([ratio.min, ratio.max], 2)})`,
    `  the empty server: ${mib(empty.resident_bytes)} resident, ${mib(empty.heap_bytes)} of it V8's heap, ${mib(empty.external_bytes)} buffers`,
    "  resident: what the kernel counts as the process's own; buffers that the kernel keeps for sockets are not among it",
    `  verified: ${verified.logins} logins, as many in the database; ${verified.answered} heartbeats answered after the measuring; no connection lost`,
    ...listHeap(result),
    ...toWarnings(result.machine),
  ];
  return `${lines.join("\n")}\n`;
}

const titles = ["round", "resident", "PSS", "V8 objects", "V8 free", "buffers", "other", "× bare"];

function toCells(name: string, memory: Memory, ratio?: number): string[] {
  const { resident_bytes, proportional_bytes, heap_bytes, heap_free_bytes, external_bytes, other_bytes } = memory;
  const bytes = [resident_bytes, proportional_bytes, heap_bytes, heap_free_bytes, external_bytes, other_bytes];
  return [name, ...bytes.map((value) => value?.toFixed(0) ?? "–"), ratio?.toFixed(2) ?? ""];
}

function listHeap({ heap }: IdleResult): string[] {
  if (!heap) return [];
  const rows = heap.slice(0, heapLinesMax).map(({ what, count, bytes }) => [bytes.toFixed(0), count.toFixed(2), what]);
  const sum = heap.reduce((total, { bytes }) => total + bytes, 0);
  return [
    "",
    `  V8's heap, for each connection: ${sum.toFixed(0)} bytes`,
    "   bytes  objects",
    ...rows.map(([bytes = "", count = "", what]) => `  ${bytes.padStart(6)}  ${count.padStart(7)}  ${what}`),
  ];
}
