import type { Interest } from "../../gen/ts/tidewire/v1/conversation_pb.js";
import type { GatewayId, Routes } from "../../runtime/fabric/fabric.js";
import type { LocalSession } from "./local-session.js";

/** What one session listens to. Collections are made when something comes into them: most sessions have none. */
export type Attachment = {
  readonly session: LocalSession;
  conversations: Set<bigint> | undefined;
  /** Conversations that it will listen to, each with the change of members that has to arrive here first. */
  waiting: Map<bigint, bigint> | undefined;
  /** Conversations that it has left while its interests are being read: the reading may be older. */
  left: Set<bigint> | undefined;
  /** True while its socket cannot take more. */
  isPaused: boolean;
};

/** Who has to know when sessions begin and cease to listen to a conversation. */
export interface ListeningObserver {
  began(session: LocalSession, conversationId: bigint): void;
  /** @param lastSeq the last seq that is for this session */
  ended(session: LocalSession, conversationId: bigint, lastSeq: bigint): void;
  /** For a while the fabric did not know that this session is here: entries may have gone elsewhere. */
  missed(session: LocalSession): void;
  /** The latest change of members that an entry which has gone out here is, or names; 0 if there was none lately. */
  latestChange(conversationId: bigint): bigint;
}

/** The local sessions that listen to conversations which are delivered by conversation. */
export interface Listeners {
  /** Listens to what a reading of the store says, but for what is older than what is known here already: it has to be read again. */
  listenToAll(attachment: Attachment, interests: readonly Interest[]): Promise<"up-to-date" | "outdated">;
  listen(attachment: Attachment, conversationId: bigint, rosterSeq: bigint): Promise<void>;
  /** @param lastSeq undefined if the session goes altogether */
  unlisten(attachment: Attachment, conversationId: bigint, lastSeq?: bigint): Promise<void>;
  /** An entry that changes members has arrived, and takes effect: those who have waited for it listen from here on. */
  note(conversationId: bigint, rosterSeq: bigint): void;
  /** Nobody listens any more. */
  dismiss(conversationId: bigint): void;
  of(conversationId: bigint): Iterable<LocalSession>;
  /** The latest change of members that is in effect; undefined if nobody listens. */
  rosterSeqOf(conversationId: bigint): bigint | undefined;
  renewLeases(): Promise<void>;
}

export type ListenersOptions = Readonly<{
  gateway: GatewayId;
  routes: Pick<Routes, "want" | "unwant">;
  leaseMs: number;
  observer?: ListeningObserver;
  onError(error: unknown): void;
}>;

type Audience = { readonly listeners: Set<Attachment>; readonly waiting: Set<Attachment>; rosterSeq: bigint };

export const conversationTopic = (conversationId: bigint) => `c${conversationId}`;

const ignored: ListeningObserver = { began() {}, ended() {}, missed() {}, latestChange: () => 0n };

export function createListeners(options: ListenersOptions): Listeners {
  const { gateway, routes, leaseMs, observer = ignored, onError } = options;
  const audiences = new Map<bigint, Audience>();

  async function listen(attachment: Attachment, conversationId: bigint, rosterSeq: bigint) {
    const { session } = attachment;
    const audience = audiences.get(conversationId) ?? { listeners: new Set(), waiting: new Set(), rosterSeq };
    audiences.set(conversationId, audience); // an older rosterSeq stays: that change has not reached the others here
    if (attachment.conversations?.has(conversationId)) return;
    if (audience.rosterSeq < rosterSeq) return wait(attachment, conversationId, audience, rosterSeq);
    stopWaiting(attachment, conversationId, audience);
    attachment.conversations ??= new Set();
    attachment.conversations.add(conversationId);
    audience.listeners.add(attachment);
    if (!attachment.isPaused) session.subscribe(conversationTopic(conversationId));
    observer.began(session, conversationId);
    if (audience.listeners.size === 1) await routes.want(gateway, conversationId, leaseMs);
  }

  /** Entries from before this session's membership may be on their way to the others. */
  function wait(attachment: Attachment, conversationId: bigint, audience: Audience, rosterSeq: bigint) {
    attachment.waiting ??= new Map();
    attachment.waiting.set(conversationId, rosterSeq);
    audience.waiting.add(attachment);
  }

  function stopWaiting(attachment: Attachment, conversationId: bigint, audience: Audience) {
    if (attachment.waiting?.delete(conversationId)) audience.waiting.delete(attachment);
  }

  async function unlisten(attachment: Attachment, conversationId: bigint, lastSeq?: bigint) {
    const audience = audiences.get(conversationId);
    if (!audience) return;
    stopWaiting(attachment, conversationId, audience);
    if (!attachment.conversations?.delete(conversationId)) return;
    audience.listeners.delete(attachment);
    attachment.session.unsubscribe(conversationTopic(conversationId));
    if (lastSeq !== undefined) observer.ended(attachment.session, conversationId, lastSeq);
    if (audience.listeners.size === 0) await disband(conversationId, audience);
  }

  /** The last one has gone. Those who have waited begin anew: nobody is left whom earlier entries could be for. */
  async function disband(conversationId: bigint, audience: Audience) {
    audiences.delete(conversationId);
    const waiting = [...audience.waiting].map((one) => ({ one, rosterSeq: one.waiting?.get(conversationId) ?? 0n }));
    for (const { one } of waiting) one.waiting?.delete(conversationId);
    const unwanted = routes.unwant(gateway, conversationId); // not awaited before: meanwhile one of them might go
    await Promise.all([unwanted, ...waiting.map(({ one, rosterSeq }) => listen(one, conversationId, rosterSeq))]);
  }

  async function listenToAll(attachment: Attachment, interests: readonly Interest[]) {
    const isTrusted = ({ conversationId, rosterSeq }: Interest) =>
      rosterSeq >= latestChange(conversationId) || attachment.conversations?.has(conversationId);
    const trusted = interests.filter(isTrusted);
    await Promise.all(trusted.map(({ conversationId, rosterSeq }) => listen(attachment, conversationId, rosterSeq)));
    return trusted.length < interests.length ? "outdated" : "up-to-date";
  }

  function latestChange(conversationId: bigint): bigint {
    const [gone, inEffect] = [observer.latestChange(conversationId), audiences.get(conversationId)?.rosterSeq ?? 0n];
    return gone > inEffect ? gone : inEffect;
  }

  /** Who waits for a change of members is told as well: it may be among what has gone elsewhere. */
  async function renew(conversationId: bigint, { listeners, waiting }: Audience) {
    if ((await routes.want(gateway, conversationId, leaseMs)) === "renewed") return;
    for (const { session } of [...listeners, ...waiting]) observer.missed(session);
  }

  return {
    listen,
    listenToAll,
    unlisten,
    note(conversationId, rosterSeq) {
      const audience = audiences.get(conversationId);
      if (!audience || audience.rosterSeq >= rosterSeq) return;
      audience.rosterSeq = rosterSeq;
      for (const attachment of [...audience.waiting]) {
        const awaited = attachment.waiting?.get(conversationId) ?? 0n;
        if (awaited <= rosterSeq) listen(attachment, conversationId, awaited).catch(onError);
      }
    },
    dismiss(conversationId) {
      const audience = audiences.get(conversationId);
      if (!audience) return;
      for (const attachment of [...audience.waiting]) stopWaiting(attachment, conversationId, audience);
      for (const attachment of [...audience.listeners]) unlisten(attachment, conversationId).catch(onError);
    },
    *of(conversationId) {
      for (const { session } of audiences.get(conversationId)?.listeners ?? []) yield session;
    },
    rosterSeqOf: (conversationId) => audiences.get(conversationId)?.rosterSeq,
    async renewLeases() {
      await Promise.all([...audiences].map(([conversationId, audience]) => renew(conversationId, audience)));
    },
  };
}
