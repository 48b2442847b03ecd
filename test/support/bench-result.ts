import type { BenchResult } from "../../tools/bench/result.js";

/** Where and what was measured, of whatever kind. */
export const circumstances = {
  machine: { cpu: "abacus", cores: 2, memory_bytes: 2 ** 31, system: "Linux 6", load_before: 0.1 },
  versions: {
    tidewire: "0.1.0",
    commit: "abc",
    node: "20",
    uwebsockets: "3",
    protobuf_es: "2",
    postgres_driver: "3",
    database: "PostgreSQL 15",
  },
};

/** A result of a benchmark, measured on an abacus. */
export function resultOf(changes: Partial<BenchResult> = {}): BenchResult {
  return {
    scenario: "group",
    settings: { database: "postgresql", members: 3, rounds: 1, text_bytes: 100, raised_limits: {} },
    ...circumstances,
    rounds: [{ total_ms: 1 }],
    ...changes,
  };
}
