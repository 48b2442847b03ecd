import { addSample, type RttEstimate, rtoMs } from "./rtt.js";

/**
 * How the downlink of one connection fares, over all conversations together: how fast its device acknowledges, and how often
 * it has been sent something again in vain. Pure; times are monotonic milliseconds.
 */
export type Flow = Readonly<{
  rtt: RttEstimate;
  /** Rounds of retransmission since the device was last heard of. */
  attempts: number;
  /** When something was last sent again. What was sent before that is no sample of the round-trip time. */
  roundAtMs: number;
  /** Until then the latest round goes on: what is overdue in another conversation is part of it. */
  roundUntilMs: number;
  /** Nothing is sent again before this time. */
  quietUntilMs: number;
}>;

/** Rounds that a device may leave without an ack or a sync. */
export const ATTEMPTS_MAX = 4;
/** Looks at several conversations that are due at the same time come one after another, some milliseconds apart. */
const ROUND_MS = 100;

export const newFlow: Flow = {
  rtt: undefined,
  attempts: 0,
  roundAtMs: Number.NEGATIVE_INFINITY,
  roundUntilMs: Number.NEGATIVE_INFINITY,
  quietUntilMs: 0,
};

/** When something that was sent at `sentAtMs` and is not acknowledged has to be sent again. */
export function overdueAtMs(flow: Flow, sentAtMs: number, nowMs: number): number {
  const dueMs = sentAtMs + rtoMs(flow.rtt);
  return nowMs < flow.roundUntilMs ? dueMs : Math.max(dueMs, flow.quietUntilMs);
}

/** The device has said something that shows that it is at work: an ack or a sync. RFC 6298 (5.3): the timer begins anew. */
export function hear(flow: Flow, nowMs: number): Flow {
  const { rtt, roundAtMs } = flow;
  // Written out, as below: with every ack comes a new one, and a spread takes many times as long.
  return { rtt, attempts: 0, roundAtMs, roundUntilMs: Number.NEGATIVE_INFINITY, quietUntilMs: nowMs + rtoMs(rtt) };
}

/** What was sent at `sentAtMs` is acknowledged. Karn's rule: what may have been sent twice tells nothing. */
export function measure(flow: Flow, sentAtMs: number, nowMs: number): Flow {
  const { rtt, attempts, roundAtMs, roundUntilMs, quietUntilMs } = flow;
  if (sentAtMs <= roundAtMs) return flow;
  return { rtt: addSample(rtt, nowMs - sentAtMs), attempts, roundAtMs, roundUntilMs, quietUntilMs };
}

/**
 * Begins a round of retransmission, or goes on with one that has just begun: what is overdue in several conversations is one
 * round. `exhausted`: the device has let enough of them pass.
 */
export function beginRound(flow: Flow, nowMs: number): [Flow, "send" | "exhausted"] {
  if (nowMs < flow.roundUntilMs) return [{ ...flow, roundAtMs: nowMs }, "send"];
  if (flow.attempts >= ATTEMPTS_MAX) return [flow, "exhausted"];
  const attempts = flow.attempts + 1;
  const quietUntilMs = nowMs + rtoMs(flow.rtt, attempts);
  return [{ ...flow, attempts, roundAtMs: nowMs, roundUntilMs: nowMs + ROUND_MS, quietUntilMs }, "send"];
}
