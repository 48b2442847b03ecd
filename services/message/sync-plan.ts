/** A stretch of a log that a user may read, both ends included; without `toSeq` it goes on. */
export type Interval = Readonly<{ fromSeq: bigint; toSeq: bigint | null }>;

/** What a sync is answered with. */
export type SyncPlan =
  /** The user has never been in that conversation. */
  | { kind: "unknown" }
  /** The device has to skip to another place first. */
  | { kind: "reset"; floorSeq: bigint; headSeq: bigint }
  /** These entries, both ends included. */
  | { kind: "read"; firstSeq: bigint; lastSeq: bigint; headSeq: bigint }
  /** There is nothing more. */
  | { kind: "nothing"; headSeq: bigint };

/** How much of a conversation's past a device that knows nothing of it is given; the rest is for history to show. */
const recentMax = 200n;

/**
 * Decides how to answer a device that holds everything up to `afterSeq`, or nothing if that is 0. Only what lies in one of the
 * user's intervals is ever read; the gaps between them, and what came before, are skipped by a reset. Nothing is deleted
 * yet; once it is, the retention floor is one more lower bound.
 * @param options.intervals by rising `fromSeq`
 * @param options.headSeq the head of the conversation, which is not the user's own if it has left
 */
export function planSync(options: { afterSeq: bigint; intervals: readonly Interval[]; headSeq: bigint }): SyncPlan {
  const { afterSeq, intervals } = options;
  const endOf = (interval: Interval) => interval.toSeq ?? options.headSeq;
  const last = intervals.at(-1);
  if (last === undefined) return { kind: "unknown" };
  const headSeq = endOf(last);
  if (afterSeq >= headSeq) return { kind: "nothing", headSeq };
  const wanted = afterSeq === 0n && headSeq > recentMax ? headSeq - recentMax : afterSeq;
  const next = intervals.find((interval) => endOf(interval) > wanted) ?? last;
  const floorSeq = next.fromSeq > wanted ? next.fromSeq - 1n : wanted;
  if (floorSeq > afterSeq) return { kind: "reset", floorSeq, headSeq };
  return { kind: "read", firstSeq: afterSeq + 1n, lastSeq: endOf(next), headSeq };
}
