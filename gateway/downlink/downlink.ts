import { DeliverySchema, type Fence, type LogEntry } from "../../gen/ts/tidewire/v1/delivery_pb.js";
import type { Cursor } from "../../gen/ts/tidewire/v1/frame_pb.js";
import { decode } from "../../runtime/binary.js";
import type { StreamEntry } from "../../runtime/fabric/fabric.js";
import type { Metrics } from "../../runtime/metrics.js";
import type { Hub } from "../hub/hub.js";
import type { ListeningObserver } from "../hub/listeners.js";
import { type LocalSession, notePushed } from "../hub/local-session.js";
import type { Timers } from "../timers/timers.js";
import {
  type ActiveConversation,
  createActiveConversations,
  listensAfter,
  type RingLimits,
} from "./active-conversations.js";
import { createAddressing } from "./addressing.js";
import { type ConversationLogLimits, receive, startEarlier } from "./conversation-log.js";
import { hear, measure } from "./flow.js";
import { createMending } from "./mending.js";
import { createPublication, type Publication } from "./publication.js";
import { createRetransmission } from "./retransmission.js";
import { createStreamPosition } from "./stream-position.js";

/** Brings what was committed to the sockets that are to have it, and sees to it that they get it. */
export interface Downlink extends ListeningObserver, Disposable {
  /** Takes an entry of this gateway's delivery stream. */
  deliver(entry: StreamEntry): void;
  /** A device holds each of these conversations up to a seq. What it cannot hold changes nothing. */
  acknowledge(session: LocalSession, cursors: readonly Pick<Cursor, "conversationId" | "seq">[]): void;
  /** Whether an entry has just left for a session, and it has not acknowledged it. What left longer ago may have been lost. */
  hasJustPushed(session: LocalSession, conversationId: bigint, seq: bigint): boolean;
  /** A session is over. To be called while the hub still knows it. */
  forget(session: LocalSession): void;
  /** Forgets conversations that have been quiet. */
  forgetIdle(): void;
  readonly activeConversations: number;
  readonly ringBytes: number;
}

export type DownlinkOptions = Readonly<{
  hub: Hub;
  timers: Timers;
  monotonicMs: () => number;
  /** Uniform in [0, 1). */
  random: () => number;
  publish: (topic: string, frames: Uint8Array) => void;
  /** Reads entries of a conversation from the store, both seqs included; what it cannot read is left out. */
  fetch: (conversationId: bigint, firstSeq: bigint, lastSeq: bigint) => Promise<readonly LogEntry[]>;
  metrics: Pick<Metrics, "retransmissions" | "holes" | "streamGaps" | "ackSeconds">;
  limits?: Partial<DownlinkLimits>;
}>;

export type DownlinkLimits = ConversationLogLimits &
  RingLimits &
  Readonly<{
    /** How long a conversation is remembered after its last message, in milliseconds. */
    idleMs: number;
    /** After entries were lost, the heads of all sessions are read within this time, in milliseconds. */
    rereadWithinMs: number;
  }>;

const defaultLimits: DownlinkLimits = {
  holdMs: 50,
  fetchMs: 2_000,
  heldMax: 1_000,
  framesMax: 256,
  bytesMax: 256 * 1024,
  totalBytesMax: 64 * 1024 * 1024,
  idleMs: 60_000,
  rereadWithinMs: 30_000,
};

/** Shorter by far than the second after which a device sends again what it has not been told of, in milliseconds. */
const JUST_MS = 100;

export function createDownlink(options: DownlinkOptions): Downlink {
  const { hub, monotonicMs, random, publish, metrics } = options;
  const limits = { ...defaultLimits, ...options.limits };
  const conversations = createActiveConversations(hub, limits);
  const addressing = createAddressing(hub, missed);
  const retransmission = createRetransmission({
    ...options,
    acknowledged: conversations.acknowledged,
  });
  const position = createStreamPosition();
  const mending = createMending({
    ...options,
    limits,
    isActive: (conversation) => conversations.get(conversation.id) === conversation,
    take: takeAll,
    release: (conversation, entries) => publishing((publication) => release(conversation, entries, publication)),
    mayHideChange: addressing.mayHideChange,
  });

  function conversationOf(entry: LogEntry): ActiveConversation {
    const present = conversations.get(entry.conversationId);
    const firstSeq = addressing.orderedFrom(present, entry);
    if (!present) return conversations.begin(entry.conversationId, firstSeq ?? entry.seq, monotonicMs());
    if (firstSeq !== undefined && firstSeq < present.log.startSeq) beginAgain(present, firstSeq);
    return present;
  }

  /** Changes of members from before this log began have to take effect after all. */
  function beginAgain(conversation: ActiveConversation, firstSeq: bigint) {
    conversation.log = startEarlier(conversation.log, firstSeq, monotonicMs(), limits);
    const before = firstSeq - 1n;
    if (conversation.rosterSeq > before) conversation.rosterSeq = before;
    if (conversation.namedRosterSeq > before) conversation.namedRosterSeq = before;
  }

  function takeAll(entries: readonly LogEntry[]) {
    publishing((publication) => {
      for (const entry of entries) take(entry, publication);
    });
  }

  function take(entry: LogEntry, publication: Publication) {
    const conversation = conversationOf(entry);
    const [log, released] = receive(conversation.log, entry, monotonicMs(), limits);
    conversation.log = log;
    release(conversation, released, publication);
    if (released.length === 0 && entry.seq <= log.headSeq) addressing.applyLate(conversation, entry);
    mending.watch(conversation);
  }

  function release(conversation: ActiveConversation, entries: readonly LogEntry[], publication: Publication) {
    for (const entry of entries) {
      conversation.nextSeq = entry.seq;
      addressing.address(conversation, entry, publication);
      if (entry.rosterSeq > conversation.namedRosterSeq) conversation.namedRosterSeq = entry.rosterSeq;
      if (entry.seq >= conversation.log.startSeq) {
        conversations.keep(conversation, entry.seq, entry.frame, monotonicMs());
      }
    }
    conversation.nextSeq = conversation.log.headSeq + 1n;
    if (entries.length > 0) retransmission.watch(conversation);
  }

  /** Within one publication. */
  function publishing(work: (publication: Publication) => void) {
    const publication = createPublication(publish);
    work(publication);
    publication.flush();
  }

  /** Nobody knows what was lost, nor for whom. */
  function lookForLost() {
    metrics.streamGaps.inc();
    for (const session of [...hub.sessions()]) missed(session);
  }

  function missed(session: LocalSession) {
    session.dispatch({ kind: "entries-lost", lookAtMs: monotonicMs() + random() * limits.rereadWithinMs });
  }

  function fence({ userId, device, epoch }: Fence) {
    for (const session of [...hub.sessionsOf(userId)]) {
      if (session.identity.device === device) session.dispatch({ kind: "fence", epoch });
    }
  }

  return {
    deliver(streamEntry) {
      if (position.follow(streamEntry) === "gap") lookForLost();
      const { entries, fences } = decode(DeliverySchema, streamEntry.payload);
      takeAll(entries);
      for (const one of fences) fence(one);
    },
    acknowledge(session, cursors) {
      const nowMs = monotonicMs();
      session.flow = hear(session.flow, nowMs);
      for (const { conversationId, seq } of cursors) {
        const conversation = conversations.get(conversationId);
        const moved = conversation?.subscribers.acknowledge(session, seq, conversation.log.headSeq);
        const sentAtMs = moved?.kind === "moved" ? conversation?.ring.sentAtMs(moved.seq) : undefined;
        if (sentAtMs === undefined) continue;
        session.flow = measure(session.flow, sentAtMs, nowMs);
        metrics.ackSeconds.observe((nowMs - sentAtMs) / 1_000);
      }
    },
    hasJustPushed(session, conversationId, seq) {
      const conversation = conversations.get(conversationId);
      if (!conversation?.subscribers.lacks(session, seq) || hub.isPaused(session)) return false;
      const sentByMs = conversation.sendTimes.sentByMs(seq);
      return sentByMs !== undefined && monotonicMs() - sentByMs < JUST_MS;
    },
    began(session, conversationId) {
      const conversation = conversations.get(conversationId);
      conversation?.subscribers.add(session, listensAfter(hub, conversation));
    },
    ended(session, conversationId, lastSeq) {
      const subscribers = conversations.get(conversationId)?.subscribers;
      subscribers?.end(session, lastSeq);
      if (subscribers?.has(session)) notePushed(session, conversationId);
    },
    missed,
    latestChange(conversationId) {
      const { rosterSeq = 0n, namedRosterSeq = 0n } = conversations.get(conversationId) ?? {};
      return rosterSeq > namedRosterSeq ? rosterSeq : namedRosterSeq;
    },
    forget(session) {
      const heard = [...(session.pushed ?? []), ...hub.conversationsOf(session)];
      for (const id of heard) conversations.get(id)?.subscribers.remove(session);
    },
    forgetIdle: () => conversations.forgetIdle(monotonicMs() - limits.idleMs),
    [Symbol.dispose]: conversations.clear,
    get activeConversations() {
      return conversations.size;
    },
    get ringBytes() {
      return conversations.ringBytes;
    },
  };
}
