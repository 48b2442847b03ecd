import type { LogEntry } from "../../gen/ts/tidewire/v1/delivery_pb.js";

/**
 * The order of a conversation that is active here: it puts entries that overtook one another back in order, and finds those
 * that are missing. Entries of different lanes are committed in order but may be published out of it. Pure.
 */
export type ConversationLog = Readonly<{
  /** The first seq seen here. What came before it was published before this log was started. */
  startSeq: bigint;
  /** The last seq that has gone out. */
  headSeq: bigint;
  /** Entries above a hole, by rising seq. */
  held: readonly LogEntry[];
  /** What is being done about the hole below `held`; undefined while nothing is held. */
  hole: Hole | undefined;
  lastUsedMs: number;
}>;

/** Monotonic milliseconds. */
export type Hole =
  /** What is missing may have been overtaken only. */
  | { state: "waiting"; untilMs: number }
  /** It has been asked for. */
  | { state: "fetching"; untilMs: number };

export type ConversationLogLimits = Readonly<{
  /** How long to wait for an entry that was overtaken, in milliseconds. */
  holdMs: number;
  /** How long to wait for the answer once it has been asked for, in milliseconds. */
  fetchMs: number;
  /** Most entries to hold. */
  heldMax: number;
}>;

/** What a hole needs whose time is over. */
export type Remedy =
  | { kind: "none" }
  /** Ask the store for these entries, both ends included. */
  | { kind: "fetch"; firstSeq: bigint; lastSeq: bigint }
  /** Nothing came of it: what was held goes out, and devices mend the hole by sync. */
  | { kind: "release"; entries: LogEntry[] };

/** Takes an entry, and says which may go out now, by rising seq. */
export function receive(
  log: ConversationLog | undefined,
  entry: LogEntry,
  nowMs: number,
  limits: ConversationLogLimits,
): [ConversationLog, LogEntry[]] {
  if (!log) return receive(waitFor(entry.seq, nowMs), entry, nowMs, limits);
  const used = { ...log, lastUsedMs: nowMs };
  if (entry.seq === log.headSeq + 1n && log.held.length === 0) return [{ ...used, headSeq: entry.seq }, [entry]];
  if (entry.seq < log.startSeq) return [used, [entry]]; // overtaken before this log was started
  if (entry.seq <= log.headSeq || log.held.some((held) => held.seq === entry.seq)) return [used, []];
  const held = [...log.held, entry].sort(bySeq);
  const [next, released] = releaseInOrder({ ...used, held });
  if (next.held.length > limits.heldMax) return [used, []]; // devices find it missing
  if (next.held.length === 0) return [{ ...next, hole: undefined }, released];
  const isNewHole = log.hole === undefined || released.length > 0;
  return [isNewHole ? { ...next, hole: { state: "waiting", untilMs: nowMs + limits.holdMs } } : next, released];
}

/** Says what to do about a hole whose time is over: first ask for what is missing, then give it up. */
export function mend(log: ConversationLog, nowMs: number, limits: ConversationLogLimits): [ConversationLog, Remedy] {
  const { hole, headSeq, held } = log;
  const [above] = held;
  if (!hole || !above || nowMs < hole.untilMs) return [log, { kind: "none" }];
  if (hole.state === "waiting") {
    const fetching: ConversationLog = { ...log, hole: { state: "fetching", untilMs: nowMs + limits.fetchMs } };
    return [fetching, { kind: "fetch", firstSeq: headSeq + 1n, lastSeq: above.seq - 1n }];
  }
  const [next, entries] = giveUp(log);
  return [next, { kind: "release", entries }];
}

/** The answer has come, and what it brought was received: if a hole is still being fetched, nothing more will come. */
export function finishFetch(log: ConversationLog): [ConversationLog, LogEntry[]] {
  return log.hole?.state === "fetching" ? giveUp(log) : [log, []];
}

/** Forgets what is held, so that its hole is found again with the next entry. */
export function reopen(log: ConversationLog, headSeq: bigint): ConversationLog {
  return { ...log, headSeq, held: [], hole: undefined };
}

/** The log with an earlier start: all from there on has to come in order, again if need be. What it holds it goes on holding. */
export function startEarlier(
  { held }: ConversationLog,
  seq: bigint,
  nowMs: number,
  limits: ConversationLogLimits,
): ConversationLog {
  if (held.length === 0) return waitFor(seq, nowMs);
  return { ...waitFor(seq, nowMs), held, hole: { state: "waiting", untilMs: nowMs + limits.holdMs } };
}

/**
 * A log that waits for `seq` first. For an entry that was appended after a change of members which has not arrived here:
 * until it has, somebody who has left may still be listening.
 */
export function waitFor(seq: bigint, nowMs: number): ConversationLog {
  return { startSeq: seq, headSeq: seq - 1n, held: [], hole: undefined, lastUsedMs: nowMs };
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

function giveUp(log: ConversationLog): [ConversationLog, LogEntry[]] {
  return [{ ...log, headSeq: log.held.at(-1)?.seq ?? log.headSeq, held: [], hole: undefined }, [...log.held]];
}

function bySeq(a: LogEntry, b: LogEntry): number {
  return a.seq < b.seq ? -1 : 1;
}
