import type { LogEntry } from "../../gen/ts/tidewire/v1/delivery_pb.js";
import { type Hub, userTopic } from "../hub/hub.js";
import { conversationTopic } from "../hub/listeners.js";
import { type LocalSession, notePushed } from "../hub/local-session.js";
import type { ActiveConversation } from "./active-conversations.js";
import type { Publication } from "./publication.js";

/** Brings an entry to the local sessions that are to have it, and to no others. */
export interface Addressing {
  /** An entry whose turn it is. */
  address(conversation: ActiveConversation, entry: LogEntry, publication: Publication): void;
  /** An entry that comes after its hole was given up: it is not published, but the change of members in it takes effect. */
  applyLate(conversation: ActiveConversation, entry: LogEntry): void;
  /**
   * From where on entries have to come in order, so that this one reaches the right ones. It waits for the change of members
   * before it if that is not in effect for those who listen; a change does not name the one before it, but the entry below it
   * does. And nothing that came before a change may have passed it. Undefined: it may be the first one here.
   */
  orderedFrom(conversation: ActiveConversation | undefined, entry: LogEntry): bigint | undefined;
  /** Whether somebody who would hear these entries may have left with one that is missing below them. */
  mayHideChange(conversation: ActiveConversation, entries: readonly LogEntry[]): boolean;
}

/** @param missed is told of sessions that may have to listen to a conversation, and do not. */
export function createAddressing(hub: Hub, missed: (session: LocalSession) => void): Addressing {
  function addressByUser(conversation: ActiveConversation, entry: LogEntry, publication: Publication) {
    const isInOrder = entry.seq >= conversation.log.startSeq;
    let listed = 0;
    for (const userId of entry.userIds) {
      if (!hub.hasUser(userId)) continue;
      publication.add(userTopic(userId), entry.frame);
      if (!isInOrder) continue;
      for (const session of hub.sessionsOf(userId)) {
        conversation.subscribers.add(session, entry.seq - 1n);
        notePushed(session, conversation.id); // also if it was there as a listener: it is none from here on
        listed++;
      }
    }
    if (isInOrder && listed < conversation.subscribers.size) endUnlisted(conversation, entry);
  }

  /** By user, an entry names all members whom this gateway serves: whoever is not named is none any more. */
  function endUnlisted(conversation: ActiveConversation, { userIds, seq }: LogEntry) {
    const listed = new Set(userIds);
    const ended = [...conversation.subscribers.present()].filter(({ identity }) => !listed.has(identity.userId));
    for (const session of ended) end(conversation, session, seq - 1n);
  }

  /** Whoever joins hears the entry that says so, and so does whoever leaves. */
  function addressByConversation(conversation: ActiveConversation, entry: LogEntry, publication: Publication) {
    const { conversationId, frame } = entry;
    if (!changesMembers(entry)) {
      // From before the latest change of members: it would also reach those who were none at the time.
      if (entry.seq > latestRosterSeq(conversation)) publication.add(conversationTopic(conversationId), frame);
      return;
    }
    if (isOutdated(conversation, entry)) return passOver(entry);
    publication.flush();
    note(conversation, entry);
    letJoin(entry, entry.joinedUserIds);
    publication.add(conversationTopic(conversationId), frame);
    publication.flush();
    letLeave(conversation, entry);
  }

  /** Delivered by user from here on. What has gone to the listeners has to leave before they are none any more. */
  function dismiss({ conversationId }: LogEntry, publication: Publication) {
    if (hub.rosterSeqOf(conversationId) === undefined) return;
    publication.flush();
    hub.dismiss(conversationId);
  }

  /** By user still; whoever it names listens from here on. */
  function announce(entry: LogEntry, publication: Publication) {
    if (changesMembers(entry)) publication.flush(); // what the listeners get is not for those who join
    letJoin(entry, entry.userIds);
  }

  function letJoin({ conversationId, rosterSeq }: LogEntry, userIds: readonly bigint[]) {
    for (const userId of userIds) hub.joined(userId, conversationId, rosterSeq);
  }

  function letLeave(conversation: ActiveConversation, { leftUserIds, conversationId, rosterSeq }: LogEntry) {
    for (const userId of leftUserIds) {
      hub.left(userId, conversationId, rosterSeq);
      for (const session of hub.sessionsOf(userId)) end(conversation, session, rosterSeq); // it may have been reached by user
    }
  }

  /**
   * A later change of members is in effect here already: that of the store, read for a session that came then. Who began with
   * this one may have left since, so only the store knows whether they listen.
   */
  function passOver({ conversationId, userIds, joinedUserIds, announcesConversation }: LogEntry) {
    for (const userId of announcesConversation ? userIds : joinedUserIds) {
      for (const session of hub.sessionsOf(userId)) {
        if (!hub.isListening(session, conversationId)) missed(session);
      }
    }
  }

  /** What is not acknowledged yet is still sent again, up to the end. */
  function end({ id, subscribers }: ActiveConversation, session: LocalSession, lastSeq: bigint) {
    subscribers.end(session, lastSeq);
    if (subscribers.has(session)) notePushed(session, id);
  }

  function note(conversation: ActiveConversation, { rosterSeq }: LogEntry) {
    conversation.rosterSeq = max(conversation.rosterSeq, rosterSeq);
  }

  const latestRosterSeq = ({ id, rosterSeq }: ActiveConversation) => max(rosterSeq, hub.rosterSeqOf(id) ?? 0n);
  const isOutdated = (conversation: ActiveConversation, { rosterSeq }: LogEntry) =>
    rosterSeq < latestRosterSeq(conversation);

  return {
    address(conversation, entry, publication) {
      if (entry.userIds.length === 0) return addressByConversation(conversation, entry, publication);
      const isCurrent = !isOutdated(conversation, entry);
      if (isCurrent && !entry.announcesConversation) dismiss(entry, publication);
      addressByUser(conversation, entry, publication);
      if (!isCurrent) return passOver(entry);
      note(conversation, entry);
      if (entry.announcesConversation) announce(entry, publication);
      letLeave(conversation, entry);
    },
    applyLate(conversation, entry) {
      if (!changesMembers(entry)) return;
      if (isOutdated(conversation, entry)) return passOver(entry);
      note(conversation, entry);
      if (entry.userIds.length === 0) letJoin(entry, entry.joinedUserIds);
      letLeave(conversation, entry);
    },
    orderedFrom(conversation, entry) {
      const { conversationId, rosterSeq, seq } = entry;
      const known = hub.rosterSeqOf(conversationId);
      const awaited = rosterSeq < seq ? rosterSeq : seq - 1n;
      if (known !== undefined && known < awaited) return awaited;
      if (!changesMembers(entry) || !hasListeners(entry)) return undefined;
      return rosterSeq > max(conversation?.rosterSeq ?? 0n, known ?? 0n) ? seq : undefined;
    },
    mayHideChange: (conversation, entries) =>
      entries.some((entry) => hasListeners(entry) && entry.rosterSeq > latestRosterSeq(conversation)),
  };
}

/** Whether sessions listen to its conversation, or begin to, rather than being named by each entry alone. */
function hasListeners({ userIds, announcesConversation }: LogEntry): boolean {
  return userIds.length === 0 || announcesConversation;
}

/** Whether somebody's membership begins or ends with it. */
function changesMembers({ joinedUserIds, leftUserIds }: LogEntry): boolean {
  return joinedUserIds.length > 0 || leftUserIds.length > 0;
}

function max(one: bigint, other: bigint): bigint {
  return one > other ? one : other;
}
