import type { LogEntry } from "../../gen/ts/tidewire/v1/delivery_pb.js";

/**
 * What a gateway knows of a conversation that is active here: it puts entries that overtook one another back in order.
 * Entries of different lanes are committed in order but may be published out of it. Pure.
 */
export type ConversationLog = Readonly<{
  /** The first seq seen here. What came before it was published before this log was started. */
  startSeq: bigint;
  /** The last seq that has gone out in order. */
  headSeq: bigint;
  /** Entries above a hole, by rising seq. */
  held: readonly LogEntry[];
  /** When the hole is given up, in monotonic milliseconds. Meaningless while nothing is held. */
  holdUntilMs: number;
  lastUsedMs: number;
}>;

export type ConversationLogLimits = Readonly<{
  /** How long to wait for an entry that was overtaken, in milliseconds. */
  holdMs: number;
  /** Most entries to hold. */
  heldMax: number;
}>;

/** Takes an entry, and says which may go out now, by rising seq. */
export function receive(
  log: ConversationLog | undefined,
  entry: LogEntry,
  nowMs: number,
  limits: ConversationLogLimits,
): [ConversationLog, LogEntry[]] {
  if (!log) return [startAt(entry, nowMs), [entry]];
  const used = { ...log, lastUsedMs: nowMs };
  if (entry.seq === log.headSeq + 1n && log.held.length === 0) return [{ ...used, headSeq: entry.seq }, [entry]];
  if (entry.seq < log.startSeq) return [used, [entry]]; // overtaken before this log was started
  if (entry.seq <= log.headSeq || log.held.some((held) => held.seq === entry.seq)) return [used, []];
  const held = [...log.held, entry].sort(bySeq);
  if (held.length > limits.heldMax) return releaseAll({ ...used, held });
  const [next, released] = releaseInOrder({ ...used, held });
  const isNewHole = log.held.length === 0 || released.length > 0;
  return [isNewHole ? { ...next, holdUntilMs: nowMs + limits.holdMs } : next, released];
}

/** Gives up a hole whose time is over: what was held goes out, and devices mend the hole by sync. */
export function releaseOverdue(log: ConversationLog, nowMs: number): [ConversationLog, LogEntry[]] {
  if (log.held.length === 0 || nowMs < log.holdUntilMs) return [log, []];
  return releaseAll(log);
}

/**
 * A log that waits for `seq` first. For an entry that was appended after a change of members which has not arrived here:
 * until it has, somebody who has left may still be listening.
 */
export function waitFor(seq: bigint, nowMs: number): ConversationLog {
  return { startSeq: seq, headSeq: seq - 1n, held: [], holdUntilMs: 0, lastUsedMs: nowMs };
}

function startAt(entry: LogEntry, nowMs: number): ConversationLog {
  return { startSeq: entry.seq, headSeq: entry.seq, held: [], holdUntilMs: 0, lastUsedMs: nowMs };
}

function releaseInOrder(log: ConversationLog): [ConversationLog, LogEntry[]] {
  let { headSeq } = log;
  let count = 0;
  while (log.held[count]?.seq === headSeq + 1n) {
    headSeq++;
    count++;
  }
  return [{ ...log, headSeq, held: log.held.slice(count) }, log.held.slice(0, count)];
}

function releaseAll(log: ConversationLog): [ConversationLog, LogEntry[]] {
  return [{ ...log, headSeq: log.held.at(-1)?.seq ?? log.headSeq, held: [] }, [...log.held]];
}

function bySeq(a: LogEntry, b: LogEntry): number {
  return a.seq < b.seq ? -1 : 1;
}
