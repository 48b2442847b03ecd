import type { Rate, RateVerdict } from "./fabric/fabric.js";

/**
 * When the bucket will be full again, in milliseconds on whatever clock `now` is on. A time in the past, such as
 * `fullBucket`, says that it is full.
 */
export type GcraState = number;

/** The state of a bucket from which nothing has been taken. */
export const fullBucket: GcraState = Number.NEGATIVE_INFINITY;

/**
 * Takes one from a bucket, or says how long to wait for one; a refusal costs nothing. Never allows more than
 * `burst + t / refillMs` within any t milliseconds.
 * Source: the Generic Cell Rate Algorithm, ITU-T I.371, as virtual scheduling: one number a bucket and no timer.
 */
export function take(state: GcraState, rate: Rate, nowMs: number): [GcraState, RateVerdict] {
  const fullAtMs = Math.max(state, nowMs) + rate.refillMs;
  const waitMs = fullAtMs - nowMs - rate.burst * rate.refillMs;
  if (waitMs > 0) return [state, { kind: "limited", retryAfterMs: Math.ceil(waitMs) }];
  return [fullAtMs, { kind: "allowed" }];
}
