import type { LogStore, RosterRow } from "../message/log-store.js";
import type { Committed } from "./committed.js";

type Interval = Pick<RosterRow, "userId" | "fromSeq" | "toSeq">;

/** Who was, is and will be reading a log from `fromSeq` on, as far as was known at `rosterSeq`. */
type Roster = Readonly<{ rosterSeq: bigint; fromSeq: bigint; intervals: readonly Interval[] }>;

/** Intervals in memory, at some 100 bytes each. A conversation that is delivered by user has few. */
const intervalsMax = 200_000;

/** Remembers who the members of conversations are, so that most messages find their readers without a query. */
export interface Rosters {
  /** The members of each entry's conversation as of its seq, in the order of the entries. */
  membersOf(entries: readonly Committed[]): Promise<bigint[][]>;
}

/**
 * Nothing here is ever invalidated: an entry names the `roster_seq` under which it was appended, and a roster that is older
 * than that is read again.
 */
export function createRosters(logs: Pick<LogStore, "readRosters">): Rosters {
  const cache = new Map<bigint, Roster>();
  let intervals = 0;

  function keep(conversationId: bigint, roster: Roster): void {
    intervals += roster.intervals.length - (cache.get(conversationId)?.intervals.length ?? 0);
    cache.delete(conversationId); // a Map keeps the place of a key that is set again; the oldest must be first
    cache.set(conversationId, roster);
    for (const [oldest, { intervals: dropped }] of cache) {
      if (intervals <= intervalsMax || oldest === conversationId) return;
      cache.delete(oldest);
      intervals -= dropped.length;
    }
  }

  return {
    async membersOf(entries) {
      const missing = entries.filter((entry) => !covers(cache.get(entry.conversationId), entry));
      const fresh = missing.length === 0 ? undefined : await readRosters(logs, missing);
      for (const [conversationId, roster] of fresh ?? []) keep(conversationId, roster);
      return entries.map((entry) => {
        const roster = fresh?.get(entry.conversationId) ?? cache.get(entry.conversationId);
        return membersAt(roster?.intervals ?? [], entry.seq);
      });
    },
  };
}

function covers(roster: Roster | undefined, entry: Committed): boolean {
  return roster !== undefined && roster.rosterSeq >= entry.rosterSeq && roster.fromSeq <= entry.seq;
}

/** Who was a member at `seq`. */
export function membersAt(intervals: readonly Interval[], seq: bigint): bigint[] {
  const members: bigint[] = [];
  for (const { userId, fromSeq, toSeq } of intervals) {
    if (fromSeq <= seq && (toSeq === null || toSeq >= seq)) members.push(userId);
  }
  return members;
}

/** Reads the rosters from the lowest seq of the entries on. */
async function readRosters(
  logs: Pick<LogStore, "readRosters">,
  entries: readonly Committed[],
): Promise<Map<bigint, Roster>> {
  const lowest = new Map<bigint, bigint>();
  for (const { conversationId, seq } of entries) {
    const known = lowest.get(conversationId);
    if (known === undefined || seq < known) lowest.set(conversationId, seq);
  }
  const rows = await logs.readRosters([...lowest].map(([conversationId, seq]) => ({ conversationId, seq })));
  const rosters = new Map<bigint, Roster & { intervals: Interval[] }>();
  for (const { conversationId, rosterSeq, userId, fromSeq, toSeq } of rows) {
    const known = rosters.get(conversationId);
    const roster = known ?? { rosterSeq, fromSeq: lowest.get(conversationId) ?? 0n, intervals: [] };
    roster.intervals.push({ userId, fromSeq, toSeq });
    rosters.set(conversationId, roster);
  }
  return rosters;
}
