import type { Quantiles } from "../figures/statistics.js";
import { listLimits, toCircumstances, toVerification, toWarnings } from "../report/circumstances.js";
import { toTable } from "../report/table.js";
import type { LossResult } from "./loss-result.js";

/** The result for people. */
export function toLossReport(result: LossResult): string {
  const { settings, versions, rounds, recovery, goals, verified } = result;
  const drops = rounds.reduce((sum, round) => sum + round.drops, 0);
  const isReached = recovery.p99 <= goals.recovery_p99_ms;
  const lines = [
    `loss: ${settings.pairs} pairs of shipped clients, ${settings.messages_per_second} messages of ${settings.text_bytes} bytes a second in all, every connection dropped once in ${settings.drop_every_seconds} s on average; ${versions.database}`,
    ...toCircumstances(result),
    `  limits raised for the benchmark: ${listLimits(settings.raised_limits)}; warm-up: ${settings.warmup_seconds} s without drops`,
    "",
    ...toTable(
      ["ms", "p50", "p99", "p99.9", "max"],
      [
        ["recovery", ...toCells(recovery)],
        ...Object.entries(result.recovery_by_kind).map(([kind, own]) => [`  ${kind}, ${own.drops}`, ...toCells(own)]),
        ["deliver, dropped", ...toCells(result.deliver_dropped)],
        ["deliver, undisturbed", ...toCells(result.deliver_undisturbed)],
      ],
    ),
    "",
    `  ${drops} drops in ${rounds.length * settings.seconds} s; recovery: from a drop until the device is logged in and has everything; p99 to be at most ${goals.recovery_p99_ms} ms: ${isReached ? "reached" : "missed"}`,
    "  deliver: from when a message was to be sent until its peer had it; dropped: sender or peer was without its connection, or not yet well again, meanwhile",
    `  ${toVerification(verified)}`,
    ...toWarnings(result.machine),
  ];
  return `${lines.join("\n")}\n`;
}

function toCells({ p50, p99, p999, max }: Quantiles): string[] {
  return [p50, p99, p999, max].map((ms) => ms.toFixed(1));
}
