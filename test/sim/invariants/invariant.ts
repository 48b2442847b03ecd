import type { Evidence } from "./evidence.js";

/** One promise, as a predicate over what has happened. */
export type Invariant = Readonly<{
  /** As in the list of guarantees. */
  number: number;
  title: string;
  /** What breaks it; nothing if it holds. Near-linear in what is recorded. */
  check(evidence: Evidence): Iterable<Finding>;
}>;

/** What is wrong, where and when. Undefined time: at the end. */
export type Finding = Readonly<{ atMs?: number | undefined; what: string }>;

export type Violation = Readonly<{ invariant: number; title: string; atMs: number | undefined; what: string }>;

export function formatViolation({ invariant, title, atMs, what }: Violation): string {
  return `${invariant}. ${title}: ${what}${atMs === undefined ? "" : ` (at ${atMs.toFixed(1)} ms)`}`;
}
