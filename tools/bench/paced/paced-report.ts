import { median, medianIfKnown } from "../figures/statistics.js";
import { listLimits, toCircumstances, toVerification, toWarnings } from "../report/circumstances.js";
import { toRange } from "../report/table.js";
import type { PacedResult, PacedRound } from "./paced-result.js";

/** The result for people: what matters is whether the last rounds are as good as the first ones. */
export function toPacedReport(result: PacedResult): string {
  const { settings, machine, versions, rounds, deliver, verified } = result;
  const deliveries = settings.members ** 2;
  const quarter = Math.max(1, Math.floor(rounds.length / 4));
  const lines = [
    `${result.scenario}: ${settings.members} members online, each sends one message of ${settings.text_bytes} bytes at once, every ${settings.every_ms} ms; ${versions.database}`,
    ...toCircumstances(result),
    `  limits raised for the benchmark: ${listLimits(settings.raised_limits)}; warm-up: ${settings.warmup_rounds} rounds`,
    "",
    `  ${rounds.length} rounds, ${rounds.length * deliveries} deliveries in ${(result.elapsed_ms / 1_000).toFixed(1)} s; rounds began ${result.late_max_ms.toFixed(1)} ms late at most`,
    `  a delivery since its round was to begin: p50 ${deliver.p50.toFixed(1)}, p99 ${deliver.p99.toFixed(1)}, p99.9 ${deliver.p999.toFixed(1)}, max ${deliver.max.toFixed(1)} ms`,
    `  a round: ${describe(rounds)}`,
    `  the first ${quarter}: ${describe(rounds.slice(0, quarter))}`,
    `  the last ${quarter}: ${describe(rounds.slice(-quarter))}`,
    `  ${toVerification(verified)}`,
    ...toWarnings(machine),
  ];
  return `${lines.join("\n")}\n`;
}

function describe(rounds: readonly PacedRound[]): string {
  const totals = rounds.map(({ total_ms }) => total_ms);
  const serverMs = medianIfKnown(rounds.map(({ server_cpu_ms }) => server_cpu_ms));
  const cpu = serverMs === undefined ? "" : `, server cpu ${serverMs.toFixed(0)} ms`;
  return `median ${median(totals).toFixed(1)} ms (${toRange(totals)})${cpu}`;
}
