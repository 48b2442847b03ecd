import { type Quantiles, quantilesOrInfinite, type Weighted } from "../figures/statistics.js";
import { addUpBusyness, type Busyness } from "../generator/busyness.js";
import type { PartReport, Window } from "../generator/generator-calls.js";
import { mergeVerdicts, type Verdict } from "./verifier.js";

/** A round of the group, measured and verified. Times since the first send, in milliseconds. */
export type RoundReport = Readonly<{
  /** Until the last delivery. */
  totalMs: number;
  /** From the moment at which all were to send, for each delivery. */
  deliver: Quantiles;
  /** The same in full: deliveries that came in one go are one observation. */
  observations: readonly Weighted[];
  /** The same for each sender, until it knew its message to be stored. */
  ack: Quantiles;
  ackObservations: readonly Weighted[];
  /** Of the generators: processor time of all, and the share of the busiest. */
  busyness: Busyness;
  /** Acks that left while the round was measured. */
  acks: number;
  verdict: Verdict;
  /** The WebSocket messages in which one member got all pushes, in order. */
  messages: readonly Uint8Array[];
  /** When the clock ran. */
  window: Window;
}>;

/** What the generators have seen of one round. Pure. */
export function mergeParts(parts: readonly PartReport[]): RoundReport {
  const startUs = Math.min(...parts.map((part) => part.startUs ?? Number.POSITIVE_INFINITY));
  const since = (observations: readonly Weighted[]) =>
    observations.map(({ value, count }) => ({ value: (value - startUs) / 1_000, count }));
  const observations = since(parts.flatMap(({ deliveries }) => deliveries));
  const ackObservations = since(parts.flatMap((part) => part.acked));
  const totalMs = observations.reduce((last, { value, count }) => (count > 0 ? Math.max(last, value) : last), 0);
  return {
    totalMs,
    deliver: quantilesOrInfinite(observations),
    observations,
    ack: quantilesOrInfinite(ackObservations),
    ackObservations,
    busyness: addUpBusyness(parts.map(({ busyness }) => busyness)),
    acks: parts.reduce((sum, { acks }) => sum + acks, 0),
    verdict: mergeVerdicts(parts.map(({ verdict }) => verdict)),
    messages: parts[0]?.messages ?? [],
    window: { fromUs: startUs, toUs: startUs + totalMs * 1_000 },
  };
}
