/**
 * How long a device takes to acknowledge, and from that how long to wait before something counts as lost. Times in
 * milliseconds. Source: RFC 6298, with its variable names.
 */
export type RttEstimate = Readonly<{ srttMs: number; rttvarMs: number }> | undefined;

/** RFC 6298 (2.4): less than a second is taken for a second. Devices hold acks back for some 200 ms, besides. */
const RTO_FLOOR_MS = 1_000;
/** RFC 6298 (2.5). */
const RTO_CEILING_MS = 60_000;

/** RFC 6298 (2.2) and (2.3). Karn's rule, that what was sent twice is no sample, is the caller's. */
export function addSample(estimate: RttEstimate, rttMs: number): RttEstimate {
  if (!estimate) return { srttMs: rttMs, rttvarMs: rttMs / 2 };
  const { srttMs, rttvarMs } = estimate;
  return {
    rttvarMs: rttvarMs * 0.75 + Math.abs(srttMs - rttMs) * 0.25,
    srttMs: srttMs * 0.875 + rttMs * 0.125,
  };
}

/** The retransmission timeout after `attempts` retransmissions in vain: it doubles with each (5.5). */
export function rtoMs(estimate: RttEstimate, attempts = 0): number {
  const oneMs = estimate ? Math.max(RTO_FLOOR_MS, estimate.srttMs + 4 * estimate.rttvarMs) : RTO_FLOOR_MS;
  return Math.min(RTO_CEILING_MS, oneMs * 2 ** attempts);
}
