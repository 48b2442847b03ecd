import type { InterestRow } from "../../../services/conversation/interests.js";
import { previewMaxBytes } from "../../../services/message/head-rows.js";
import {
  type HeadEntry,
  type HeadsSnapshot,
  type RosterRow,
  recentMax,
  type Stretch,
} from "../../../services/message/log-store.js";
import type { MessageRow } from "../../../services/message/message-rows.js";
import type { Interval } from "../../../services/message/sync-plan.js";
import { byUser, type Committed } from "../../../services/push/committed.js";
import { isPresent, type StoredConversation, type StoredEntry, type StoredMember, type StoreState } from "./stored.js";

/** What a message costs in a page besides its content, in bytes. */
const overheadBytes = 64;

/** As `LogStore.readMembership`. */
export function readMembership(
  state: StoreState,
  conversationId: bigint,
  userId: bigint,
): { intervals: Interval[]; headSeq: bigint } {
  const conversation = state.conversations.get(conversationId);
  const intervals = conversation?.members.get(userId);
  if (conversation === undefined || intervals === undefined) return { intervals: [], headSeq: 0n };
  return { intervals: intervals.map(({ fromSeq, toSeq }) => ({ fromSeq, toSeq })), headSeq: conversation.headSeq };
}

/** As `LogStore.readStretch`. */
export function readStretch(state: StoreState, stretch: Stretch): MessageRow[] {
  return entriesOf(state.conversations.get(stretch.conversationId), stretch).map((entry) => entry.row);
}

function entriesOf(conversation: StoredConversation | undefined, stretch: Stretch): StoredEntry[] {
  const log = conversation?.log ?? [];
  const entries: StoredEntry[] = [];
  const first = stretch.firstSeq < 1n ? 1 : Number(stretch.firstSeq);
  let bytes = 0;
  for (let seq = first; seq <= log.length && BigInt(seq) <= stretch.lastSeq; seq += 1) {
    const entry = log[seq - 1];
    bytes += overheadBytes;
    if (entry === undefined || bytes > stretch.maxBytes || entries.length >= stretch.limit) break;
    entries.push(entry);
    bytes += entry.row.content.length;
  }
  return entries;
}

/** As `LogStore.readHeads`. */
export function readHeads(
  state: StoreState,
  query: { userId: bigint; since: bigint; limit: number },
  xmin: bigint,
): HeadsSnapshot {
  const changed = seenBy(state, query.userId)
    .filter((seen) => seen.changed >= query.since)
    .sort(byChange);
  const fullAt = changed[query.limit - 1]?.changed;
  const last = changed.at(-1)?.changed;
  const cut = fullAt !== undefined && last !== undefined && fullAt < xmin && fullAt < last ? fullAt : null;
  const page = cut === null ? changed : changed.filter((seen) => seen.changed <= cut);
  return { xmin, cut, entries: page.map(toHeadEntry) };
}

/** As `LogStore.readHeadsOf`. */
export function readHeadsOf(state: StoreState, userId: bigint, conversationIds: readonly bigint[]): HeadEntry[] {
  return seenBy(state, userId)
    .filter(({ conversation }) => conversationIds.includes(conversation.conversationId))
    .sort((one, other) => (one.conversation.conversationId < other.conversation.conversationId ? -1 : 1))
    .map(toHeadEntry);
}

/** A conversation as its user sees it, through the user's latest membership. */
type Seen = Readonly<{ conversation: StoredConversation; member: StoredMember; changed: bigint }>;

function seenBy(state: StoreState, userId: bigint): Seen[] {
  const seen: Seen[] = [];
  for (const conversation of state.users.get(userId)?.conversations ?? []) {
    const member = conversation.members.get(userId)?.at(-1);
    if (member === undefined) continue;
    const both = conversation.changed > member.changed ? conversation.changed : member.changed;
    seen.push({ conversation, member, changed: isPresent(member) ? both : member.changed });
  }
  return seen;
}

function byChange(one: Seen, other: Seen): number {
  if (one.changed !== other.changed) return one.changed < other.changed ? -1 : 1;
  return one.conversation.conversationId < other.conversation.conversationId ? -1 : 1;
}

function toHeadEntry({ conversation, member }: Seen): HeadEntry {
  const { conversationId, kind, title, lowUserId, highUserId } = conversation;
  const headSeq = member.toSeq ?? conversation.headSeq;
  const head = conversation.log[Number(headSeq) - 1]?.row;
  const isLarge = head !== undefined && head.content.length > previewMaxBytes;
  return {
    ...{ conversationId, kind, title, lowUserId, highUserId, headSeq },
    headCounter: isPresent(member) ? conversation.headCounter : (head?.counter ?? 0n),
    readSeq: member.readSeq,
    readCounter: member.readCounter,
    isMember: isPresent(member),
    preview: isLarge ? { ...head, content: null } : head,
  };
}

/** As `LogStore.readRosters`. */
export function readRosters(state: StoreState, from: readonly { conversationId: bigint; seq: bigint }[]): RosterRow[] {
  const rows: RosterRow[] = [];
  for (const { conversationId, seq } of from) {
    const conversation = state.conversations.get(conversationId);
    for (const intervals of conversation?.members.values() ?? []) {
      for (const { userId, fromSeq, toSeq } of intervals) {
        const rosterSeq = conversation?.rosterSeq ?? 0n;
        if (toSeq === null || toSeq >= seq) rows.push({ conversationId, rosterSeq, userId, fromSeq, toSeq });
      }
    }
  }
  return rows;
}

/** As `LogStore.readRosterSeqAt`. */
export function readRosterSeqAt(state: StoreState, conversationId: bigint, seq: bigint): bigint {
  const conversation = state.conversations.get(conversationId);
  let latest = 0n;
  for (const intervals of conversation?.members.values() ?? []) {
    for (const { fromSeq, toSeq } of intervals) {
      if (fromSeq <= seq && fromSeq > latest) latest = fromSeq;
      if (toSeq !== null && toSeq <= seq && toSeq > latest) latest = toSeq;
    }
  }
  return latest;
}

/** As `LogStore.readCommitted`. */
export function readCommitted(state: StoreState, stretch: Stretch): Committed[] {
  const conversation = state.conversations.get(stretch.conversationId);
  if (conversation === undefined) return [];
  const isBefore = conversation.rosterSeq < stretch.firstSeq;
  let rosterSeq = isBefore
    ? conversation.rosterSeq
    : readRosterSeqAt(state, stretch.conversationId, stretch.firstSeq - 1n);
  return entriesOf(conversation, stretch).map((entry) => {
    const committed = toCommitted(conversation, entry);
    const { joinedUserIds = [], leftUserIds = [] } = committed;
    if (joinedUserIds.length + leftUserIds.length > 0) rosterSeq = committed.seq;
    return { ...committed, rosterSeq };
  });
}

/** As `LogStore.readRecent`. */
export function readRecent(state: StoreState, sinceMessageId: bigint, afterMessageId = 0n): Committed[] {
  const headIdOf = (conversation: StoredConversation) => conversation.log.at(-1)?.row.messageId ?? 0n;
  const recent = [...state.conversations.values()]
    .filter((conversation) => headIdOf(conversation) >= sinceMessageId && headIdOf(conversation) > afterMessageId)
    .sort((one, other) => (headIdOf(one) < headIdOf(other) ? -1 : 1))
    .slice(0, recentMax);
  return recent.flatMap((conversation) => {
    const { log, headSeq } = conversation;
    const entries = log.filter(({ row }) => row.seq === headSeq || row.messageId >= sinceMessageId);
    const committed = entries.map((entry) => toCommitted(conversation, entry));
    const isChange = (entry: Committed) => [...(entry.joinedUserIds ?? []), ...(entry.leftUserIds ?? [])].length > 0;
    return committed
      .filter((entry) => entry.seq === headSeq || isChange(entry))
      .map((entry) => (isChange(entry) ? { ...entry, rosterSeq: entry.seq } : entry));
  });
}

/** With the present roster and routing, and those who join and leave by the entry, by id. */
export function toCommitted(conversation: StoredConversation, { row }: StoredEntry): Committed {
  const joinedUserIds: bigint[] = [];
  const leftUserIds: bigint[] = [];
  if (row.senderId === 0n) {
    for (const intervals of conversation.members.values()) {
      for (const { userId, fromSeq, toSeq } of intervals) {
        if (fromSeq === row.seq) joinedUserIds.push(userId);
        if (toSeq === row.seq) leftUserIds.push(userId);
      }
    }
  }
  const { rosterSeq, routing } = conversation;
  return { ...row, rosterSeq, routing, joinedUserIds: joinedUserIds.sort(byId), leftUserIds: leftUserIds.sort(byId) };
}

function byId(one: bigint, other: bigint): number {
  return one < other ? -1 : 1;
}

/** As `listInterests` of services/conversation. */
export function listInterests(state: StoreState, userId: bigint): InterestRow[] {
  const interests: InterestRow[] = [];
  for (const conversation of state.users.get(userId)?.conversations ?? []) {
    const { conversationId, rosterSeq, routing } = conversation;
    const isMember = conversation.members.get(userId)?.some(isPresent) ?? false;
    if (isMember && routing !== byUser) interests.push({ conversationId, rosterSeq });
  }
  return interests;
}
