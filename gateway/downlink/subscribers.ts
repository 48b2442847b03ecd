/**
 * Who gets the entries of one conversation, and up to where each has acknowledged: parallel arrays, so that a subscriber costs
 * some bytes and a publication nothing. Seqs are kept as doubles, exact up to 2⁵³.
 */
export interface Subscribers<Session> {
  readonly size: number;
  has(session: Session): boolean;
  /** Adds a session that has to acknowledge what comes after `seq`. One that is there stays as it is. */
  add(session: Session, seq: bigint): "added" | "present";
  /** A session gets nothing after `seq` any more. It leaves when it has acknowledged that. */
  end(session: Session, seq: bigint): void;
  remove(session: Session): void;
  /** Moves a cursor forward; one that is behind changes nothing, and one beyond `headSeq` counts as that. */
  acknowledge(session: Session, seq: bigint, headSeq: bigint): Acknowledged;
  /** Whether a session gets `seq` and has not acknowledged it. */
  lacks(session: Session, seq: bigint): boolean;
  /** Those who have not acknowledged everything up to `headSeq`, or up to where they end. */
  behind(headSeq: bigint): Iterable<Behind<Session>>;
  /** Those who go on. */
  present(): Iterable<Session>;
}

export type Acknowledged = { kind: "moved"; seq: bigint } | { kind: "unchanged" };

/** What a session has still to acknowledge: `firstSeq` to `lastSeq`, both included. */
export type Behind<Session> = Readonly<{ session: Session; firstSeq: bigint; lastSeq: bigint }>;

const never = Number.POSITIVE_INFINITY;

/** @param removed is told of everyone who leaves. */
export function createSubscribers<Session>(removed: (session: Session) => void = () => {}): Subscribers<Session> {
  const sessions: Session[] = [];
  const cursors: number[] = [];
  /** Those who end; all others go on. */
  const ends = new Map<Session, number>();
  const slots = new Map<Session, number>();

  const cursorOf = (slot: number) => cursors[slot] as number;
  const endOf = (session: Session) => (ends.size === 0 ? never : (ends.get(session) ?? never));

  /** The last one moves into the place of the one that goes. */
  function remove(session: Session) {
    const slot = slots.get(session);
    if (slot === undefined) return;
    const last = sessions.pop() as Session;
    const cursor = cursors.pop() as number;
    if (last !== session) {
      sessions[slot] = last;
      cursors[slot] = cursor;
      slots.set(last, slot);
    }
    slots.delete(session);
    ends.delete(session);
    removed(session);
  }

  function add(session: Session, seq: bigint) {
    slots.set(session, sessions.length);
    sessions.push(session);
    cursors.push(Number(seq));
  }

  return {
    get size() {
      return sessions.length;
    },
    has: (session) => slots.has(session),
    add(session, seq) {
      if (ends.has(session)) remove(session); // it has come back, and what lay between is none of its business
      if (slots.has(session)) return "present";
      add(session, seq);
      return "added";
    },
    end(session, seq) {
      const slot = slots.get(session);
      if (slot === undefined) return;
      if (cursorOf(slot) >= Number(seq)) remove(session);
      else ends.set(session, Math.min(endOf(session), Number(seq)));
    },
    remove,
    acknowledge(session, seq, headSeq) {
      const slot = slots.get(session);
      if (slot === undefined) return { kind: "unchanged" };
      const end = endOf(session);
      const reached = Math.min(Number(seq), Number(headSeq), end);
      if (reached <= cursorOf(slot)) return { kind: "unchanged" };
      cursors[slot] = reached;
      if (reached === end) remove(session);
      return { kind: "moved", seq: BigInt(reached) };
    },
    lacks(session, seq) {
      const slot = slots.get(session);
      return slot !== undefined && cursorOf(slot) < Number(seq) && Number(seq) <= endOf(session);
    },
    *behind(headSeq) {
      const head = Number(headSeq);
      for (let slot = sessions.length - 1; slot >= 0; slot--) {
        const session = sessions[slot];
        if (session === undefined) continue; // others left while this one was looked at
        const lastSeq = Math.min(head, endOf(session));
        if (cursorOf(slot) < lastSeq) {
          yield { session, firstSeq: BigInt(cursorOf(slot)) + 1n, lastSeq: BigInt(lastSeq) };
        }
      }
    },
    *present() {
      for (const session of sessions) if (!ends.has(session)) yield session;
    },
  };
}
