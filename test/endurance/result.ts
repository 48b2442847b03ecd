import type { Machine } from "../../tools/bench/stage/machine.js";
import { version } from "../../tools/version.js";
import type { Findings, Violation } from "./checks/findings.js";
import type { Convergence } from "./convergence.js";
import type { Evidence } from "./evidence.js";
import type { FaultKind } from "./fault.js";
import type { EnduranceOptions } from "./options.js";
import { measureRecoveries, recoveryQuantiles, type Strike } from "./recovery.js";

/** What a run writes as JSON. A name tells the unit of its number. */
export type EnduranceResult = Readonly<{
  passed: boolean;
  settings: Readonly<{ seed: number; clients: number; minutes: number; heartbeat_ms: number; pause_ms: number }>;
  machine: Machine;
  versions: Readonly<{ tidewire: string; node: string; database: string }>;
  faults: Readonly<{ total: number; by_kind: Readonly<Partial<Record<FaultKind, FaultSummary>>> }>;
  messages: Readonly<{
    sent: number;
    acked: number;
    refused: number;
    logged: number;
    delivered: number;
    conversations: number;
  }>;
  recovery: RecoverySummary;
  /** From the end of the last fault until everything had come to rest; left out if it did not. */
  converged_ms?: number;
  /** Broken invariants: how often each, and the first ones in words. */
  violation_counts: Readonly<Record<number, number>>;
  violations: readonly Violation[];
  /** What else went wrong. */
  problems: readonly string[];
}>;

/** Of one kind of fault: how many, and the longest recovery. */
export type FaultSummary = Readonly<{ count: number; recovery_max_ms?: number }>;

/**
 * Over all faults, each by its device that took longest: from the end of the fault, or of a later one that struck the device
 * before it was well, until it had sent and received again.
 */
export type RecoverySummary = Readonly<{
  measured: number;
  p50_ms?: number;
  p99_ms?: number;
  max_ms?: number;
  /** The longest of all since the fault's own end, whatever else happened meanwhile. */
  since_own_end_max_ms?: number;
}>;

/** What is known when a run is over. */
export type RunRecord = Readonly<{
  options: EnduranceOptions;
  machine: Machine;
  database: string;
  strikes: readonly Strike[];
  convergence: Convergence;
  convergedMs: number;
  evidence: Evidence;
  findings: Findings;
  problems: readonly string[];
}>;

/** Pure. */
export function toResult(run: RunRecord): EnduranceResult {
  const { options, machine, strikes, convergence, findings } = run;
  const { violations, counts } = findings;
  const problems = [...run.problems, ...problemsOf(run)];
  return {
    passed: violations.length === 0 && problems.length === 0,
    settings: {
      seed: options.seed,
      clients: options.clients,
      minutes: options.durationMs / 60_000,
      heartbeat_ms: options.heartbeatMs,
      pause_ms: options.pauseMs,
    },
    machine,
    versions: { tidewire: version, node: process.versions.node, database: run.database },
    faults: { total: strikes.length, by_kind: summarizeKinds(strikes) },
    messages: countMessages(run.evidence),
    recovery: summarizeRecovery(strikes),
    ...(convergence.kind === "converged" ? { converged_ms: Math.round(run.convergedMs) } : {}),
    violation_counts: counts,
    violations,
    problems,
  };
}

function problemsOf({ strikes, convergence, options }: RunRecord): string[] {
  const behind = convergence.kind === "behind" ? convergence.devices : [];
  const missing = strikes.flatMap(({ number, kind, recoveredMs }) => {
    const count = [...recoveredMs.values()].filter((atMs) => atMs === undefined).length;
    return count > 0 ? [`${count} devices did not recover from fault #${number} ${kind}`] : [];
  });
  const late = behind.slice(0, 10).map((what) => `${options.quietMs / 1000} s after the last fault: ${what}`);
  return [...late, ...(behind.length > 10 ? [`and ${behind.length - 10} more`] : []), ...missing];
}

function summarizeKinds(strikes: readonly Strike[]): EnduranceResult["faults"]["by_kind"] {
  const kinds: Partial<Record<FaultKind, FaultSummary>> = {};
  for (const { kind, recoveryMs } of measureRecoveries(strikes)) {
    const { count = 0, recovery_max_ms } = kinds[kind] ?? {};
    const known = [recovery_max_ms, recoveryMs].filter((ms) => ms !== undefined);
    kinds[kind] = { count: count + 1, ...(known.length > 0 && { recovery_max_ms: Math.round(Math.max(...known)) }) };
  }
  return kinds;
}

function summarizeRecovery(strikes: readonly Strike[]): RecoverySummary {
  const recoveries = measureRecoveries(strikes);
  const tail = recoveryQuantiles(recoveries);
  const own = recoveries.flatMap(({ sinceOwnEndMs }) => sinceOwnEndMs ?? []);
  return {
    measured: recoveries.filter(({ recoveryMs }) => recoveryMs !== undefined).length,
    ...(tail && { p50_ms: Math.round(tail.p50), p99_ms: Math.round(tail.p99), max_ms: Math.round(tail.max) }),
    ...(own.length > 0 && { since_own_end_max_ms: Math.round(Math.max(...own)) }),
  };
}

function countMessages({ server, devices }: Evidence): EnduranceResult["messages"] {
  const notes = devices.flatMap((device) => device.notes);
  const count = (kind: (typeof notes)[number]["kind"]) => notes.filter((note) => note.kind === kind).length;
  return {
    sent: count("sends"),
    acked: count("stored"),
    refused: count("refused"),
    logged: server.messages.length,
    delivered: count("applied"),
    conversations: server.conversations.length,
  };
}
