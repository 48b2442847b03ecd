import type { Hub } from "../hub/hub.js";
import type { LocalSession } from "../hub/local-session.js";
import { type ConversationLog, waitFor } from "./conversation-log.js";
import { createFrameRing, type FrameRing, type FrameRingLimits } from "./frame-ring.js";
import { createSendTimes, type SendTimes } from "./send-times.js";
import { createSubscribers, type Subscribers } from "./subscribers.js";

/** What this gateway keeps of a conversation in which something happens: the same for all its connections. */
export type ActiveConversation = {
  readonly id: bigint;
  log: ConversationLog;
  /** The seq that goes out now, or next. */
  nextSeq: bigint;
  readonly ring: FrameRing;
  readonly sendTimes: SendTimes;
  readonly subscribers: Subscribers<LocalSession>;
  /** The latest change of members that has gone out here. */
  rosterSeq: bigint;
  /** The latest change of members that an entry which has gone out here names: it may not have come here itself. */
  namedRosterSeq: bigint;
  /** Set while a hole waits to be mended. */
  mending: Disposable | undefined;
  /** Set while somebody may have to be sent something again. */
  look: PlannedLook | undefined;
};

/** In monotonic milliseconds. */
export type PlannedLook = Readonly<{ atMs: number; timer: Disposable }>;

/** The conversations of this gateway in which something has happened lately. */
export interface ActiveConversations {
  readonly size: number;
  get(conversationId: bigint): ActiveConversation | undefined;
  /** The conversation, begun if need be with `firstSeq` as the next seq that goes out. */
  begin(conversationId: bigint, firstSeq: bigint, nowMs: number): ActiveConversation;
  /** Notes that a frame is sent, keeps it, and drops those of the conversation that began first while all together are too large. */
  keep(conversation: ActiveConversation, seq: bigint, frame: Uint8Array, nowMs: number): void;
  /** Everybody has acknowledged what came up to `seq`: nothing of it has to be sent again. */
  acknowledged(conversation: ActiveConversation, seq: bigint): void;
  /** Forgets conversations that have been quiet, and in which nothing waits and nobody is behind. */
  forgetIdle(beforeMs: number): void;
  clear(): void;
  /** Of all frames together. */
  readonly ringBytes: number;
}

export type RingLimits = FrameRingLimits & Readonly<{ totalBytesMax: number }>;

export function createActiveConversations(
  hub: Pick<Hub, "listenersOf" | "rosterSeqOf">,
  limits: RingLimits,
): ActiveConversations {
  const conversations = new Map<bigint, ActiveConversation>();
  let ringBytes = 0;

  function end(conversation: ActiveConversation) {
    ringBytes -= conversation.ring.bytes;
    conversation.mending?.[Symbol.dispose]();
    conversation.look?.timer[Symbol.dispose]();
    for (const session of conversation.subscribers.present()) session.pushed?.delete(conversation.id);
    conversations.delete(conversation.id);
  }

  function shed() {
    for (const { ring } of conversations.values()) {
      if (ringBytes <= limits.totalBytesMax) return;
      ringBytes -= ring.bytes;
      ring.clear();
    }
  }

  return {
    get size() {
      return conversations.size;
    },
    get: (conversationId) => conversations.get(conversationId),
    begin(id, firstSeq, nowMs) {
      const present = conversations.get(id);
      if (present) return present;
      const conversation: ActiveConversation = {
        id,
        log: waitFor(firstSeq, nowMs),
        nextSeq: firstSeq,
        ring: createFrameRing(limits),
        sendTimes: createSendTimes(),
        subscribers: createSubscribers((session) => session.pushed?.delete(id)),
        rosterSeq: 0n,
        namedRosterSeq: 0n,
        mending: undefined,
        look: undefined,
      };
      for (const session of hub.listenersOf(id)) conversation.subscribers.add(session, listensAfter(hub, conversation));
      conversations.set(id, conversation);
      return conversation;
    },
    keep({ ring, sendTimes }, seq, frame, nowMs) {
      sendTimes.note(seq, nowMs);
      const before = ring.bytes;
      ring.push(seq, frame, nowMs);
      ringBytes += ring.bytes - before;
      if (ringBytes > limits.totalBytesMax) shed();
    },
    acknowledged({ ring, sendTimes }, seq) {
      ringBytes -= ring.bytes;
      ring.forgetUpTo(seq);
      ringBytes += ring.bytes;
      sendTimes.forgetUpTo(seq);
    },
    forgetIdle(beforeMs) {
      for (const conversation of conversations.values()) {
        const { log, look, mending } = conversation;
        if (log.lastUsedMs < beforeMs && !look && !mending) end(conversation);
      }
    },
    clear() {
      for (const conversation of conversations.values()) end(conversation);
    },
    get ringBytes() {
      return ringBytes;
    },
  };
}

/**
 * The last seq that is not for a session which listens from now on: what comes next may be older than the latest change of
 * members, and then it is published to nobody.
 */
export function listensAfter(hub: Pick<Hub, "rosterSeqOf">, { id, nextSeq }: ActiveConversation): bigint {
  const rosterSeq = hub.rosterSeqOf(id) ?? 0n;
  return (rosterSeq > nextSeq ? rosterSeq : nextSeq) - 1n;
}
