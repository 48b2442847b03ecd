import type { Interest } from "../gen/ts/tidewire/v1/conversation_pb.js";
import type { GatewayId, Route, Routes } from "../runtime/fabric/fabric.js";
import type { Identity, SessionEvent } from "./session/state.js";

/** A session with a known user, as the rest of the gateway sees it. */
export interface LocalSession {
  readonly identity: Identity;
  subscribe(topic: string): void;
  unsubscribe(topic: string): void;
  dispatch(event: SessionEvent): void;
}

/** Who is here, and which topics their sockets listen to. */
export interface Hub {
  readonly sessionCount: number;
  hasUser(userId: bigint): boolean;
  sessionsOf(userId: bigint): Iterable<LocalSession>;
  sessions(): Iterable<LocalSession>;
  /** Makes a session reachable: by its user's topic at once, elsewhere once this resolves. */
  attach(session: LocalSession): Promise<void>;
  detach(session: LocalSession): Promise<void>;
  /** Subscribes a session to conversations that were read from the store, but for those that it has left since. */
  subscribeInterests(session: LocalSession, interests: readonly Interest[]): Promise<void>;
  /** A user's membership of a conversation that is delivered by conversation has begun. */
  joined(userId: bigint, conversationId: bigint, rosterSeq: bigint): void;
  /** A user's membership has ended. */
  left(userId: bigint, conversationId: bigint, rosterSeq: bigint): void;
  /** The seq of the latest change of members that is in effect here; undefined for conversations that nobody listens to. */
  rosterSeqOf(conversationId: bigint): bigint | undefined;
  /** Renews everything that this gateway has told the fabric. */
  renewLeases(): Promise<void>;
}

export type HubOptions = Readonly<{
  gateway: GatewayId;
  routes: Routes;
  leaseMs: number;
  /** What the fabric did not take. Leases are renewed, so it is told again. */
  onError(error: unknown): void;
}>;

export const userTopic = (userId: bigint) => `u${userId}`;
export const conversationTopic = (conversationId: bigint) => `c${conversationId}`;

/** What one session listens to. `left` is kept while its interests are being read: the reading may be older. */
type Attachment = { session: LocalSession; conversations: Set<bigint>; left: Set<bigint> | undefined };

/** How many local sessions listen to a conversation, and the latest change of members that is in effect for them. */
type Audience = { listeners: number; rosterSeq: bigint };

export function createHub({ gateway, routes, leaseMs, onError }: HubOptions): Hub {
  const users = new Map<bigint, Map<LocalSession, Attachment>>();
  const audiences = new Map<bigint, Audience>();
  let sessionCount = 0;

  const attachmentsOf = (userId: bigint) => users.get(userId)?.values() ?? [];
  const routeOf = ({ identity: { userId, device, epoch } }: LocalSession): Route => ({
    userId,
    device,
    epoch,
    gateway,
  });

  async function listen(attachment: Attachment, conversationId: bigint, rosterSeq: bigint) {
    const audience = audiences.get(conversationId) ?? { listeners: 0, rosterSeq };
    audiences.set(conversationId, audience); // an older rosterSeq stays: that change has not reached the others here
    if (attachment.conversations.has(conversationId)) return;
    attachment.conversations.add(conversationId);
    attachment.session.subscribe(conversationTopic(conversationId));
    audience.listeners++;
    if (audience.listeners === 1) await routes.want(gateway, conversationId, leaseMs);
  }

  async function unlisten(attachment: Attachment, conversationId: bigint) {
    const audience = audiences.get(conversationId);
    if (!attachment.conversations.delete(conversationId) || !audience) return;
    attachment.session.unsubscribe(conversationTopic(conversationId));
    audience.listeners--;
    if (audience.listeners > 0) return;
    audiences.delete(conversationId);
    await routes.unwant(gateway, conversationId);
  }

  /** The fence of a newer session of the same device may have come before an older one got here. */
  function fenceOlder({ identity: { userId, device } }: LocalSession) {
    const same = [...attachmentsOf(userId)].filter(({ session }) => session.identity.device === device);
    const epoch = same.reduce(
      (newest, { session }) => (session.identity.epoch > newest ? session.identity.epoch : newest),
      0n,
    );
    for (const { session } of same) if (session.identity.epoch < epoch) session.dispatch({ kind: "fence", epoch });
  }

  /** An entry that changes members has arrived, and takes effect. */
  function note(conversationId: bigint, rosterSeq: bigint) {
    const audience = audiences.get(conversationId);
    if (audience && audience.rosterSeq < rosterSeq) audience.rosterSeq = rosterSeq;
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
      for (const attachments of users.values()) yield* attachments.keys();
    },
    async attach(session) {
      const { userId } = session.identity;
      const attachments = users.get(userId) ?? new Map<LocalSession, Attachment>();
      users.set(userId, attachments);
      attachments.set(session, { session, conversations: new Set(), left: new Set() });
      sessionCount++;
      session.subscribe(userTopic(userId));
      fenceOlder(session);
      await routes.attach(routeOf(session), leaseMs);
    },
    async detach(session) {
      const { userId } = session.identity;
      const attachments = users.get(userId);
      const attachment = attachments?.get(session);
      if (!attachments || !attachment) return;
      attachments.delete(session);
      if (attachments.size === 0) users.delete(userId);
      sessionCount--;
      await Promise.all([...attachment.conversations].map((conversationId) => unlisten(attachment, conversationId)));
      await routes.detach(routeOf(session));
    },
    async subscribeInterests(session, interests) {
      const attachment = users.get(session.identity.userId)?.get(session);
      if (!attachment) return;
      const wanted = interests.filter(({ conversationId }) => !attachment.left?.has(conversationId));
      attachment.left = undefined;
      await Promise.all(wanted.map(({ conversationId, rosterSeq }) => listen(attachment, conversationId, rosterSeq)));
    },
    joined(userId, conversationId, rosterSeq) {
      note(conversationId, rosterSeq);
      for (const attachment of attachmentsOf(userId)) {
        attachment.left?.delete(conversationId);
        listen(attachment, conversationId, rosterSeq).catch(onError);
      }
    },
    left(userId, conversationId, rosterSeq) {
      note(conversationId, rosterSeq);
      for (const attachment of attachmentsOf(userId)) {
        attachment.left?.add(conversationId);
        unlisten(attachment, conversationId).catch(onError);
      }
    },
    rosterSeqOf: (conversationId) => audiences.get(conversationId)?.rosterSeq,
    async renewLeases() {
      const wants = [...audiences.keys()].map((conversationId) => routes.want(gateway, conversationId, leaseMs));
      const attached = [...this.sessions()].map((session) => routes.attach(routeOf(session), leaseMs));
      await Promise.all([...wants, ...attached]);
    },
  };
}
