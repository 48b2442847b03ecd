import { bigints, type Sql } from "../store/store.js";
import type { Committed } from "./committed.js";

/** A stretch of a log that a user may read; without `toSeq` it goes on. */
type Interval = Readonly<{ userId: bigint; fromSeq: bigint; toSeq: bigint | null }>;

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
export function createRosters(sql: Sql): Rosters {
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
      const fresh = missing.length === 0 ? undefined : await readRosters(sql, missing);
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

function membersAt(intervals: readonly Interval[], seq: bigint): bigint[] {
  const members: bigint[] = [];
  for (const { userId, fromSeq, toSeq } of intervals) {
    if (fromSeq <= seq && (toSeq === null || toSeq >= seq)) members.push(userId);
  }
  return members;
}

type Row = Interval & Readonly<{ conversationId: bigint; rosterSeq: bigint }>;

/** Reads the rosters from the lowest seq of the entries on. Uses the primary keys of conversation and member. */
async function readRosters(sql: Sql, entries: readonly Committed[]): Promise<Map<bigint, Roster>> {
  const lowest = new Map<bigint, bigint>();
  for (const { conversationId, seq } of entries) {
    const known = lowest.get(conversationId);
    if (known === undefined || seq < known) lowest.set(conversationId, seq);
  }
  const rows = await sql<Row[]>`
    select
      c.conversation_id as "conversationId", c.roster_seq as "rosterSeq",
      m.user_id as "userId", m.from_seq as "fromSeq", m.to_seq as "toSeq"
    from unnest(${bigints([...lowest.keys()])}::bigint[], ${bigints([...lowest.values()])}::bigint[]) as asked (id, seq)
    join conversation c on c.conversation_id = asked.id
    join member m on m.conversation_id = c.conversation_id and (m.to_seq is null or m.to_seq >= asked.seq)`;
  const rosters = new Map<bigint, Roster & { intervals: Interval[] }>();
  for (const row of rows) {
    const { conversationId, rosterSeq } = row;
    const roster = rosters.get(conversationId) ?? {
      rosterSeq,
      fromSeq: lowest.get(conversationId) ?? 0n,
      intervals: [],
    };
    roster.intervals.push({ userId: row.userId, fromSeq: row.fromSeq, toSeq: row.toSeq });
    rosters.set(conversationId, roster);
  }
  return rosters;
}

/** The seq of the latest change of members up to and including `seq`. For entries that are published again much later. */
export async function readRosterSeqAt(sql: Sql, conversationId: bigint, seq: bigint): Promise<bigint> {
  const [row] = await sql<{ rosterSeq: bigint }[]>`
    select coalesce(
      greatest(max(from_seq) filter (where from_seq <= ${seq}), max(to_seq) filter (where to_seq <= ${seq})), 0
    ) as "rosterSeq"
    from member where conversation_id = ${conversationId}`;
  return row?.rosterSeq ?? 0n;
}
