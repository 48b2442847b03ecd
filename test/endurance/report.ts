import type { EnduranceResult } from "./result.js";

/** A result, for people. */
export function toReport(result: EnduranceResult): string {
  const { settings, faults, messages, recovery } = result;
  return [
    `${settings.clients} clients, ${settings.minutes} min, ${faults.total} faults, seed ${settings.seed}`,
    "",
    `  messages   ${messages.sent} sent, ${messages.acked} acked, ${messages.refused} refused, ${messages.logged} logged`,
    `             ${messages.delivered} delivered, ${messages.conversations} conversations`,
    `  recovery   ${toRecoveryText(recovery)}`,
    `  at rest    ${result.converged_ms === undefined ? "never" : `${seconds(result.converged_ms)} after the last fault`}`,
    "",
    ...toKindLines(faults.by_kind),
    "",
    ...toFlawLines(result),
  ].join("\n");
}

function toRecoveryText({ measured, p50_ms, p99_ms, max_ms }: EnduranceResult["recovery"]): string {
  if (p50_ms === undefined || p99_ms === undefined || max_ms === undefined) return "of no fault";
  return `p50 ${seconds(p50_ms)}, p99 ${seconds(p99_ms)}, max ${seconds(max_ms)}, over ${measured} faults`;
}

function toKindLines(kinds: EnduranceResult["faults"]["by_kind"]): string[] {
  return Object.entries(kinds).map(([kind, { count, recovery_max_ms }]) => {
    const longest =
      recovery_max_ms === undefined ? "no recovery" : `all well after ${seconds(recovery_max_ms)} at most`;
    return `  ${kind.padEnd(20)} ${String(count).padStart(4)}   ${longest}`;
  });
}

function toFlawLines({ passed, violation_counts, violations, problems }: EnduranceResult): string[] {
  if (passed) return ["  PASSED: nothing lost, doubled or swapped; everybody has everything", ""];
  const counts = Object.entries(violation_counts).map(
    ([invariant, count]) => `  invariant ${invariant} is broken ${count} times`,
  );
  const words = violations.map(({ invariant, what }) => `    ${invariant}: ${what}`);
  return ["  FAILED", ...counts, ...words, ...problems.map((problem) => `  problem: ${problem}`), ""];
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
