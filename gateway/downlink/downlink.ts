import { DeliverySchema, type LogEntry } from "../../gen/ts/tidewire/v1/delivery_pb.js";
import { decode } from "../../runtime/binary.js";
import type { Clock } from "../../runtime/clock.js";
import type { StreamEntry } from "../../runtime/fabric/fabric.js";
import { conversationTopic, type Hub, userTopic } from "../hub.js";
import {
  type ConversationLog,
  type ConversationLogLimits,
  receive,
  releaseOverdue,
  waitFor,
} from "./conversation-log.js";
import { createPublication } from "./publication.js";

/** Brings what was committed to the sockets that are to have it. */
export interface Downlink extends Disposable {
  /** Takes an entry of this gateway's delivery stream. */
  deliver(entry: StreamEntry): void;
  /** The last seq of a conversation that was delivered here lately. */
  headSeqOf(conversationId: bigint): bigint | undefined;
  /** Forgets conversations that have been quiet. */
  forgetIdle(): void;
  readonly activeConversations: number;
}

export type DownlinkOptions = Readonly<{
  hub: Hub;
  clock: Clock;
  publish: (topic: string, frames: Uint8Array) => void;
  limits?: ConversationLogLimits;
  /** How long a conversation is remembered after its last message, in milliseconds. */
  idleMs?: number;
}>;

const defaultLimits: ConversationLogLimits = { holdMs: 50, heldMax: 1_000 };

export function createDownlink(options: DownlinkOptions): Downlink {
  const { hub, clock, publish, limits = defaultLimits, idleMs = 60_000 } = options;
  const logs = new Map<bigint, ConversationLog>();
  const holding = new Set<bigint>();
  let holdTimer: Disposable | undefined;

  function keep(conversationId: bigint, log: ConversationLog) {
    logs.set(conversationId, log);
    if (log.held.length === 0) return void holding.delete(conversationId);
    holding.add(conversationId);
    holdTimer ??= clock.after(limits.holdMs, releaseHeld);
  }

  function releaseHeld() {
    holdTimer = undefined;
    const publication = createPublication(publish);
    for (const conversationId of [...holding]) {
      const log = logs.get(conversationId);
      if (!log) continue;
      const [released, entries] = releaseOverdue(log, clock.monotonicMs());
      keep(conversationId, released);
      for (const entry of entries) publishEntry(entry, publication.add, publication.flush);
    }
    publication.flush();
  }

  function logFor({ conversationId, rosterSeq, seq }: LogEntry): ConversationLog | undefined {
    const log = logs.get(conversationId);
    const known = hub.rosterSeqOf(conversationId);
    if (log || known === undefined || rosterSeq <= known || rosterSeq === seq) return log;
    return waitFor(rosterSeq, clock.monotonicMs());
  }

  /** Whoever joins hears the entry that says so, and so does whoever leaves. */
  function publishEntry(entry: LogEntry, add: (topic: string, frame: Uint8Array) => void, flush: () => void) {
    const { conversationId, frame } = entry;
    if (entry.userIds.length > 0) {
      for (const userId of entry.userIds) if (hub.hasUser(userId)) add(userTopic(userId), frame);
      return;
    }
    if (!changesMembers(entry)) return add(conversationTopic(conversationId), frame);
    flush();
    const known = hub.rosterSeqOf(conversationId);
    const isOutdated = known !== undefined && entry.rosterSeq < known;
    if (!isOutdated) letJoin(entry);
    add(conversationTopic(conversationId), frame);
    flush();
    if (!isOutdated) letLeave(entry);
  }

  function letJoin({ joinedUserIds, conversationId, rosterSeq }: LogEntry) {
    for (const userId of joinedUserIds) hub.joined(userId, conversationId, rosterSeq);
  }

  function letLeave({ leftUserIds, conversationId, rosterSeq }: LogEntry) {
    for (const userId of leftUserIds) hub.left(userId, conversationId, rosterSeq);
  }

  /** An entry that comes after its hole was given up is not published any more, but whoever left has to stop listening. */
  function applyLate(entry: LogEntry) {
    const known = hub.rosterSeqOf(entry.conversationId);
    if (known === undefined || entry.rosterSeq < known) return;
    letJoin(entry);
    letLeave(entry);
  }

  return {
    deliver({ payload }) {
      const { entries, fences } = decode(DeliverySchema, payload);
      const publication = createPublication(publish);
      for (const entry of entries) {
        const [log, released] = receive(logFor(entry), entry, clock.monotonicMs(), limits);
        keep(entry.conversationId, log);
        for (const ready of released) publishEntry(ready, publication.add, publication.flush);
        if (released.length === 0 && changesMembers(entry) && !log.held.includes(entry)) applyLate(entry);
      }
      publication.flush();
      for (const { userId, device, epoch } of fences) {
        for (const session of [...hub.sessionsOf(userId)]) {
          if (session.identity.device === device) session.dispatch({ kind: "fence", epoch });
        }
      }
    },
    headSeqOf: (conversationId) => logs.get(conversationId)?.headSeq,
    forgetIdle() {
      const before = clock.monotonicMs() - idleMs;
      for (const [conversationId, log] of logs) {
        if (log.held.length === 0 && log.lastUsedMs < before) logs.delete(conversationId);
      }
    },
    [Symbol.dispose]() {
      holdTimer?.[Symbol.dispose]();
    },
    get activeConversations() {
      return logs.size;
    },
  };
}

/** Delivered by conversation: whether somebody begins or ceases to listen with it. */
function changesMembers({ joinedUserIds, leftUserIds }: LogEntry): boolean {
  return joinedUserIds.length > 0 || leftUserIds.length > 0;
}
