import type { Interest } from "../../gen/ts/tidewire/v1/conversation_pb.js";
import type { GatewayId, Route, Routes } from "../../runtime/fabric/fabric.js";
import { type Attachment, conversationTopic, createListeners, type ListeningObserver } from "./listeners.js";
import type { LocalSession } from "./local-session.js";

/** Who is here, and which topics their sockets listen to. */
export interface Hub {
  readonly sessionCount: number;
  hasUser(userId: bigint): boolean;
  sessionsOf(userId: bigint): Iterable<LocalSession>;
  sessions(): Iterable<LocalSession>;
  /** Makes a session reachable: by its user's topic at once, elsewhere once this resolves. */
  attach(session: LocalSession): Promise<void>;
  detach(session: LocalSession): Promise<void>;
  /** Reads from the store which conversations a session is to listen to, and subscribes it; not to those left meanwhile. */
  subscribeInterests(session: LocalSession, read: () => Promise<readonly Interest[]>): Promise<void>;
  /** A user's membership of a conversation that is delivered by conversation has begun. */
  joined(userId: bigint, conversationId: bigint, rosterSeq: bigint): void;
  /** A user's membership has ended. */
  left(userId: bigint, conversationId: bigint, rosterSeq: bigint): void;
  /** The seq of the latest change of members that is in effect here; undefined for conversations that nobody listens to. */
  rosterSeqOf(conversationId: bigint): bigint | undefined;
  /** Nobody listens to a conversation any more: it is delivered by user. */
  dismiss(conversationId: bigint): void;
  /** Whether a session listens to a conversation, or will once a change of members has arrived that it waits for. */
  isListening(session: LocalSession, conversationId: bigint): boolean;
  /** The sessions that listen to a conversation. */
  listenersOf(conversationId: bigint): Iterable<LocalSession>;
  /** The conversations that a session listens to. */
  conversationsOf(session: LocalSession): Iterable<bigint>;
  /** Takes a session off all its topics, until it is resumed: its socket cannot take more. */
  pause(session: LocalSession): void;
  resume(session: LocalSession): void;
  isPaused(session: LocalSession): boolean;
  /** Renews everything that this gateway has told the fabric. */
  renewLeases(): Promise<void>;
}

export type HubOptions = Readonly<{
  gateway: GatewayId;
  routes: Routes;
  leaseMs: number;
  observer?: ListeningObserver;
  /** What the fabric did not take. Leases are renewed, so it is told again. */
  onError(error: unknown): void;
}>;

/** A reading is repeated while it is older than what is known here: a membership may have ended between the two. */
const READINGS_MAX = 3;

export const userTopic = (userId: bigint) => `u${userId}`;

export function createHub(options: HubOptions): Hub {
  const { gateway, routes, leaseMs, observer, onError } = options;
  /** A user's devices are few: a scan of a short array beats a map of maps. */
  const users = new Map<bigint, Attachment[]>();
  const listeners = createListeners(options);
  let sessionCount = 0;

  const attachmentsOf = (userId: bigint) => users.get(userId) ?? [];
  const attachmentOf = (session: LocalSession) =>
    users.get(session.identity.userId)?.find((attachment) => attachment.session === session);
  const routeOf = ({ identity: { userId, device, epoch } }: LocalSession): Route => ({
    userId,
    device,
    epoch,
    gateway,
  });

  /** The fence of a newer session of the same device may have come before an older one got here. */
  function fenceOlder({ identity: { userId, device } }: LocalSession) {
    const same = attachmentsOf(userId).filter(({ session }) => session.identity.device === device);
    const epoch = same.reduce(
      (newest, { session }) => (session.identity.epoch > newest ? session.identity.epoch : newest),
      0n,
    );
    for (const { session } of same) if (session.identity.epoch < epoch) session.dispatch({ kind: "fence", epoch });
  }

  async function renew(session: LocalSession) {
    if ((await routes.attach(routeOf(session), leaseMs)) === "begun") observer?.missed(session);
  }

  return {
    get sessionCount() {
      return sessionCount;
    },
    hasUser: (userId) => users.has(userId),
    *sessionsOf(userId) {
      for (const { session } of attachmentsOf(userId)) yield session;
    },
    *sessions() {
      for (const attachments of users.values()) for (const { session } of attachments) yield session;
    },
    async attach(session) {
      const { userId } = session.identity;
      const attachment = { session, conversations: undefined, waiting: undefined, left: undefined, isPaused: false };
      const attachments = users.get(userId);
      if (attachments) attachments.push(attachment);
      else users.set(userId, [attachment]);
      sessionCount++;
      session.subscribe(userTopic(userId));
      fenceOlder(session);
      if (!attachmentOf(session)) return; // it was itself an older one
      await routes.attach(routeOf(session), leaseMs);
    },
    async detach(session) {
      const { userId } = session.identity;
      const attachment = attachmentOf(session);
      if (!attachment) return;
      const others = attachmentsOf(userId).filter((other) => other !== attachment);
      if (others.length === 0) users.delete(userId);
      else users.set(userId, others);
      sessionCount--;
      const heard = [...(attachment.conversations ?? []), ...(attachment.waiting?.keys() ?? [])];
      await Promise.all(heard.map((conversationId) => listeners.unlisten(attachment, conversationId)));
      await routes.detach(routeOf(session));
    },
    async subscribeInterests(session, read) {
      for (let reading = 1; reading <= READINGS_MAX; reading++) {
        const attachment = attachmentOf(session);
        if (!attachment) return;
        const { interests, left } = await readInterests(attachment, read);
        if (attachmentOf(session) !== attachment) return; // it has gone meanwhile
        const wanted = interests.filter(({ conversationId }) => !left.has(conversationId));
        if ((await listeners.listenToAll(attachment, wanted)) === "up-to-date") return;
      }
      observer?.missed(session);
    },
    joined(userId, conversationId, rosterSeq) {
      listeners.note(conversationId, rosterSeq);
      for (const attachment of attachmentsOf(userId)) {
        attachment.left?.delete(conversationId);
        listeners.listen(attachment, conversationId, rosterSeq).catch(onError);
      }
    },
    left(userId, conversationId, rosterSeq) {
      listeners.note(conversationId, rosterSeq);
      for (const attachment of attachmentsOf(userId)) {
        attachment.left?.add(conversationId);
        listeners.unlisten(attachment, conversationId, rosterSeq).catch(onError);
      }
    },
    rosterSeqOf: listeners.rosterSeqOf,
    dismiss: listeners.dismiss,
    isListening(session, conversationId) {
      const attachment = attachmentOf(session);
      return Boolean(attachment?.conversations?.has(conversationId) || attachment?.waiting?.has(conversationId));
    },
    listenersOf: listeners.of,
    conversationsOf: (session) => attachmentOf(session)?.conversations ?? [],
    pause(session) {
      const attachment = attachmentOf(session);
      if (!attachment || attachment.isPaused) return;
      attachment.isPaused = true;
      for (const topic of topicsOf(attachment)) session.unsubscribe(topic);
    },
    resume(session) {
      const attachment = attachmentOf(session);
      if (!attachment?.isPaused) return;
      attachment.isPaused = false;
      for (const topic of topicsOf(attachment)) session.subscribe(topic);
    },
    isPaused: (session) => attachmentOf(session)?.isPaused ?? false,
    async renewLeases() {
      await Promise.all([listeners.renewLeases(), ...[...this.sessions()].map(renew)]);
    },
  };
}

/** Reads what a session is to listen to, and what it has left meanwhile. */
async function readInterests(attachment: Attachment, read: () => Promise<readonly Interest[]>) {
  const left = new Set<bigint>();
  attachment.left = left;
  try {
    return { interests: await read(), left };
  } finally {
    attachment.left = undefined;
  }
}

function topicsOf({ session, conversations }: Attachment): string[] {
  return [userTopic(session.identity.userId), ...[...(conversations ?? [])].map(conversationTopic)];
}
