import type { HeapShare } from "../figures/heap-snapshot.js";
import { median, medianIfKnown, type Spread, toSpread } from "../figures/statistics.js";
import type { Machine, Versions } from "../stage/machine.js";
import { type Memory, perConnection } from "./memory.js";

/** What idle connections take. As JSON, names tell units, as in BenchResult. */
export type IdleResult = Readonly<{
  scenario: "idle";
  settings: IdleSettings;
  machine: Machine;
  versions: Versions;
  /** Before the first round: a server that has seen connections come and go, and has none. */
  empty: Memory;
  rounds: readonly IdleRound[];
  /** The median of each number over the rounds. */
  median: Readonly<{ connection: Memory; left: Memory; raw: Memory }>;
  baseline: { name: string; median_bytes: number; min_bytes: number; max_bytes: number };
  /** Resident memory of a connection, divided by that of the baseline in the same round. */
  ratio: Spread;
  goals: typeof goals;
  /** What V8's heap holds for a connection, the most first, if that was asked for. */
  heap?: readonly HeapShare[];
  /** Over everything, warm-up included. */
  verified: IdleVerified;
}>;

/** What is to be reached: resident memory of a connection, over an empty server. */
export const goals = { connection_bytes: 4_096 } as const;

export type IdleSettings = Readonly<{
  database: string;
  connections: number;
  rounds: number;
  generators: number;
  warmup_connections: number;
  raised_limits: Readonly<Record<string, number>>;
}>;

export type IdleRound = Readonly<{
  /** Of a connection, over the empty server. */
  connection: Memory;
  /** What was still there when all had left, of each connection that there had been. */
  left: Memory;
  /** Of a bare socket, over the empty raw server. */
  raw: Memory;
  ratio: number;
}>;

export type IdleVerified = Readonly<{
  /** Logins that devices have made, and what the epochs of all devices in the database add up to. */
  logins: number;
  durable_epochs: number;
  /** Heartbeats that were answered after the measuring. */
  answered: number;
}>;

/** The memory of both servers in one round. */
export type Measured = Readonly<{ loaded: Memory; left: Memory; raw: Memory }>;

/** Each round is compared with the servers as they were before the first one: what a round leaves behind counts in the next. */
export function toRound(measured: Measured, empty: { server: Memory; raw: Memory }, connections: number): IdleRound {
  const connection = perConnection(measured.loaded, empty.server, connections);
  const raw = perConnection(measured.raw, empty.raw, connections);
  const left = perConnection(measured.left, empty.server, connections);
  return { connection, left, raw, ratio: connection.resident_bytes / raw.resident_bytes };
}

/** @throws Error if there are no rounds. */
export function summarizeIdle(
  rounds: readonly IdleRound[],
): Pick<IdleResult, "rounds" | "median" | "baseline" | "ratio"> {
  const ratios = rounds.map(({ ratio }) => ratio);
  const raw = rounds.map((round) => round.raw.resident_bytes);
  return {
    rounds,
    median: {
      connection: medianOf(rounds, "connection"),
      left: medianOf(rounds, "left"),
      raw: medianOf(rounds, "raw"),
    },
    baseline: {
      name: "bare uWebSockets sockets",
      median_bytes: median(raw),
      min_bytes: Math.min(...raw),
      max_bytes: Math.max(...raw),
    },
    ratio: toSpread(ratios),
  };
}

function medianOf(rounds: readonly IdleRound[], kind: "connection" | "left" | "raw"): Memory {
  const of = (name: keyof Memory) => median(rounds.map((round) => round[kind][name] ?? Number.NaN));
  const proportional = medianIfKnown(rounds.map((round) => round[kind].proportional_bytes));
  return {
    resident_bytes: of("resident_bytes"),
    ...(proportional === undefined ? {} : { proportional_bytes: proportional }),
    heap_bytes: of("heap_bytes"),
    heap_free_bytes: of("heap_free_bytes"),
    external_bytes: of("external_bytes"),
    other_bytes: of("other_bytes"),
  };
}
