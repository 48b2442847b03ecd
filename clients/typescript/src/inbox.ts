import type { Message } from "../../../gen/ts/tidewire/v1/content_pb.js";

/** What became of a message that arrived. */
export type Receipt =
  /** In order: these are now part of the log, in this order; the first is the one that arrived. */
  | { kind: "applied"; messages: Message[] }
  /** The log holds it already. */
  | { kind: "duplicate" }
  /** Something before it is missing. It waits, if there is room, and so does the hole: for reordering. */
  | { kind: "early" }
  /** Nothing is known of this conversation: it has to be synced from 0. */
  | { kind: "unknown" };

/**
 * The logs of all conversations, as cursors: each is a gapless run up to its cursor, behind which early messages wait.
 * The messages themselves are the storage's business.
 */
export interface Inbox {
  /** The last seq that the device holds. 0: none. */
  cursor(conversationId: bigint): bigint;
  receive(message: Message, nowMs: number): Receipt;
  /** Skips to `floorSeq`. Returns what can be applied behind it, or `undefined` if the cursor is there already. */
  reset(conversationId: bigint, floorSeq: bigint): Message[] | undefined;
  /** The conversations whose holes have waited long enough. Each is named once. */
  overdue(nowMs: number): bigint[];
  /** The conversations in which early messages wait. */
  withHoles(): bigint[];
  hasHole(conversationId: bigint): boolean;
  /** When `overdue` has to be asked again, on the clock of `nowMs`. */
  deadlineMs(): number | undefined;
  clear(): void;
}

/** How long a hole waits for reordering. */
const reorderWaitMs = 300;
/** Early messages kept per conversation, and in all. What does not fit comes by sync. */
const earlyPerConversationMax = 64;
const earlyMax = 1_024;

/** Early messages by seq, and when their hole is overdue; `undefined` once it has been reported. */
type Waiting = { messages: Map<bigint, Message>; overdueAtMs: number | undefined };

export function createInbox(restored: ReadonlyMap<bigint, bigint>): Inbox {
  const cursors = new Map(restored);
  const waiting = new Map<bigint, Waiting>();
  let earlyCount = 0;

  function park(message: Message, nowMs: number): void {
    const { conversationId, seq } = message;
    const parked = waiting.get(conversationId) ?? { messages: new Map(), overdueAtMs: nowMs + reorderWaitMs };
    waiting.set(conversationId, parked);
    if (parked.messages.has(seq)) return;
    if (parked.messages.size >= earlyPerConversationMax || earlyCount >= earlyMax) return;
    parked.messages.set(seq, message);
    earlyCount += 1;
  }

  function unpark(conversationId: bigint, parked: Waiting, seq: bigint): Message | undefined {
    const message = parked.messages.get(seq);
    if (message === undefined) return undefined;
    parked.messages.delete(seq);
    earlyCount -= 1;
    if (parked.messages.size === 0) waiting.delete(conversationId);
    return message;
  }

  /** Applies what waits right behind the cursor, and drops what waits before it. */
  function drain(conversationId: bigint): Message[] {
    const parked = waiting.get(conversationId);
    if (parked === undefined) return [];
    const drained: Message[] = [];
    let last = cursors.get(conversationId) ?? 0n;
    for (const seq of [...parked.messages.keys()]) if (seq <= last) unpark(conversationId, parked, seq);
    for (let next = unpark(conversationId, parked, last + 1n); next; next = unpark(conversationId, parked, last + 1n)) {
      drained.push(next);
      last = next.seq;
    }
    cursors.set(conversationId, last);
    if (parked.messages.size === 0) waiting.delete(conversationId);
    return drained;
  }

  return {
    cursor: (conversationId) => cursors.get(conversationId) ?? 0n,
    receive(message, nowMs) {
      const { conversationId, seq } = message;
      const last = cursors.get(conversationId);
      if (seq <= (last ?? 0n)) return { kind: "duplicate" };
      if (seq === (last ?? 0n) + 1n) {
        cursors.set(conversationId, seq);
        return { kind: "applied", messages: [message, ...drain(conversationId)] };
      }
      park(message, nowMs);
      return { kind: last === undefined ? "unknown" : "early" };
    },
    reset(conversationId, floorSeq) {
      const last = cursors.get(conversationId);
      if (last !== undefined && floorSeq <= last) return undefined;
      cursors.set(conversationId, floorSeq);
      return drain(conversationId);
    },
    overdue(nowMs) {
      const overdue: bigint[] = [];
      for (const [conversationId, parked] of waiting) {
        if (parked.overdueAtMs === undefined || nowMs < parked.overdueAtMs) continue;
        parked.overdueAtMs = undefined;
        overdue.push(conversationId);
      }
      return overdue;
    },
    withHoles: () => [...waiting.keys()],
    hasHole: (conversationId) => waiting.has(conversationId),
    deadlineMs() {
      let earliest: number | undefined;
      for (const { overdueAtMs } of waiting.values()) {
        if (overdueAtMs !== undefined && overdueAtMs < (earliest ?? Number.POSITIVE_INFINITY)) earliest = overdueAtMs;
      }
      return earliest;
    },
    clear() {
      cursors.clear();
      waiting.clear();
      earlyCount = 0;
    },
  };
}
