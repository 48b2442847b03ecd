import type { Committed } from "../push/committed.js";
import type { AppendBatch, AppendOutcome } from "./append.js";
import type { HeadRow } from "./head-rows.js";
import type { MessageRow } from "./message-rows.js";
import type { Interval } from "./sync-plan.js";

/** Most conversations of which `readRecent` returns entries. */
export const recentMax = 2_000;

/**
 * The truth, as far as messages need it: logs, memberships and marks. What reads and writes it decides nothing that is not
 * decided under its locks, so the simulator can put a model in its place and run everything above it as it is.
 */
export interface LogStore {
  /**
   * Appends what can be appended, in one transaction, and says of each row what became of it, in order.
   * @throws whatever the driver throws; `isTransient` tells whether repeating helps.
   */
  append(batch: AppendBatch): Promise<AppendOutcome[]>;
  /** A user's memberships of a conversation, by rising from_seq, and its head, of one snapshot. Empty: never been in it. */
  readMembership(conversationId: bigint, userId: bigint): Promise<{ intervals: Interval[]; headSeq: bigint }>;
  /** Messages by rising seq, both ends included; none after the one that takes them past `maxBytes`. */
  readStretch(stretch: Stretch): Promise<MessageRow[]>;
  /** A user's conversations that a transaction ≥ `since` has changed, the one that changed longest ago first. */
  readHeads(query: { userId: bigint; since: bigint; limit: number }): Promise<HeadsSnapshot>;
  /** Some of a user's conversations; those that the user has never been in are left out. */
  readHeadsOf(userId: bigint, conversationIds: readonly bigint[]): Promise<HeadEntry[]>;
  /** Who was, is and will be reading each conversation from the given seq on. */
  readRosters(from: readonly { conversationId: bigint; seq: bigint }[]): Promise<RosterRow[]>;
  /** The seq of the latest change of members up to and including `seq`. */
  readRosterSeqAt(conversationId: bigint, seq: bigint): Promise<bigint>;
  /** Entries as they are to be published again, with those who join and leave by them. */
  readCommitted(stretch: Stretch): Promise<Committed[]>;
  /**
   * Of each conversation whose last entry has an id from `sinceMessageId` on: that entry, and before it the entries of changes
   * of members that are as recent. By rising id of the last entry, and of the first `recentMax` conversations only; those whose
   * last entry has an id above `afterMessageId` come next.
   */
  readRecent(sinceMessageId: bigint, afterMessageId?: bigint): Promise<Committed[]>;
  /** Raises delivered marks. None falls, and none passes the last seq that there is for its user. */
  raiseDelivered(marks: readonly DeliveredMark[]): Promise<void>;
}

/** A part of a log. */
export type Stretch = Readonly<{
  conversationId: bigint;
  firstSeq: bigint;
  lastSeq: bigint;
  /** Most entries. */
  limit: number;
  maxBytes: number;
}>;

/** One reading of heads. `xmin` and `cut` are transaction ids. */
export type HeadsSnapshot = Readonly<{
  /** What was committed when this was read has a lower one, or is in what was read. */
  xmin: bigint;
  /** The last one of the page; null if there are no more after it. */
  cut: bigint | null;
  entries: readonly HeadEntry[];
}>;

/** A conversation as a user sees it, with the message at its head; none if it is still empty. */
export type HeadEntry = HeadRow & Readonly<{ preview: MessageRow | undefined }>;

/** A stretch of a log that a user may read, as far as was known at `rosterSeq`; without `toSeq` it goes on. */
export type RosterRow = Readonly<{
  conversationId: bigint;
  rosterSeq: bigint;
  userId: bigint;
  fromSeq: bigint;
  toSeq: bigint | null;
}>;

/** Up to where at least one of a user's devices holds a conversation. */
export type DeliveredMark = Readonly<{ userId: bigint; conversationId: bigint; seq: bigint }>;
