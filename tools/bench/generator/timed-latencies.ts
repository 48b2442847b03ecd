import { createHistogram } from "../figures/histogram.js";
import type { Weighted } from "../figures/statistics.js";

/** How long something took, and when it was to begin, in microseconds on the machine's monotonic clock. */
export type TimedLatency = Readonly<{ dueUs: number; ms: number }>;

/** Of what was delivered, and of what its sender knew to be stored. */
export type TimedLatencies = Readonly<Record<"deliver" | "ack", readonly TimedLatency[]>>;

/** By size only, in as many bytes for ten million as for ten; or each one with its time as well. */
export type Keep = "sizes" | "times";

/** Latencies of one kind. */
export interface Latencies {
  record(dueUs: number, ms: number): void;
  observations(): Weighted[];
  /** Empty if only sizes are kept. */
  timed(): readonly TimedLatency[];
}

/** @param unitMs latencies that differ by less count as one */
export function createLatencies(unitMs: number, keep: Keep): Latencies {
  const sizes = createHistogram(unitMs);
  const times: TimedLatency[] = [];
  return {
    record(dueUs, ms) {
      sizes.record(ms);
      if (keep === "times") times.push({ dueUs, ms });
    },
    observations: () => sizes.observations(),
    timed: () => times,
  };
}
