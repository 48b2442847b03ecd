import type { ConversationKind } from "../../../gen/ts/tidewire/v1/content_pb.js";
import type { ErrorCode } from "../../../gen/ts/tidewire/v1/error_pb.js";
import type { Role } from "../../../gen/ts/tidewire/v1/group_pb.js";
import type { MessageRow } from "../../../services/message/message-rows.js";
import type { Routing } from "../../../services/push/committed.js";
import { createRowLock, type RowLock } from "./row-locks.js";

/** Everything that is committed. Transactions change it at their commit and never before; reads copy out of it. */
export type StoreState = {
  /** Renewed after a restore. */
  storeId: string;
  users: Map<bigint, StoredUser>;
  conversations: Map<bigint, StoredConversation>;
  /** Direct conversations by `pairOf`. */
  directs: Map<string, StoredConversation>;
  /** Every change of a mark, in order. For checks; the real store keeps the last one only. */
  marks: MarkChange[];
};

export type StoredUser = {
  userId: bigint;
  lock: RowLock;
  /** By rising number; the first one has number 1. */
  devices: StoredDevice[];
  /** Every conversation that this user is or was in. */
  conversations: Set<StoredConversation>;
};

export type StoredDevice = {
  userId: bigint;
  device: number;
  deviceId: string;
  lock: RowLock;
  epoch: bigint;
  lastClientId: bigint;
  messages: Map<bigint, StoredEntry>;
  refusals: Map<bigint, StoredRefusal>;
  /** When each epoch was raised. For checks. */
  fences: { epoch: bigint; atMs: number }[];
};

export type StoredRefusal = Readonly<{
  code: ErrorCode;
  digest: Uint8Array;
  /** The epoch of the session that submitted it. For checks. */
  epoch: bigint;
  committedAtMs: number;
}>;

export type StoredConversation = {
  conversationId: bigint;
  kind: ConversationKind;
  title: string;
  lowUserId: bigint | null;
  highUserId: bigint | null;
  lock: RowLock;
  headSeq: bigint;
  headCounter: bigint;
  rosterSeq: bigint;
  memberCount: number;
  routing: Routing;
  /** Until when entries go by user as well as by conversation, in milliseconds since 1970-01-01 UTC. */
  routingUntilMs: number;
  /** The transaction that last changed the row. */
  changed: bigint;
  /** The entry with seq n is at n − 1. */
  log: StoredEntry[];
  /** Each user's memberships, by rising from_seq. */
  members: Map<bigint, StoredMember[]>;
};

export type StoredMember = {
  conversationId: bigint;
  userId: bigint;
  lock: RowLock;
  fromSeq: bigint;
  toSeq: bigint | null;
  role: Role;
  readSeq: bigint;
  readCounter: bigint;
  deliveredSeq: bigint;
  changed: bigint;
};

export type StoredEntry = Readonly<{
  row: MessageRow & { readonly content: Uint8Array };
  /** The epoch of the session that submitted it; 0 for the system. For checks. */
  epoch: bigint;
  /** When everybody could see it, on the store's clock. For checks. */
  committedAtMs: number;
}>;

export type MarkChange = Readonly<{
  atMs: number;
  kind: "read" | "delivered";
  userId: bigint;
  conversationId: bigint;
  /** Where the membership begins that it belongs to: who comes back has new marks. */
  fromSeq: bigint;
  seq: bigint;
  /** The last seq that there was for this user by then. */
  headSeq: bigint;
}>;

export function createState(storeId: string): StoreState {
  return { storeId, users: new Map(), conversations: new Map(), directs: new Map(), marks: [] };
}

/** The same for both orders. */
export function pairOf(userId: bigint, peerId: bigint): string {
  return userId < peerId ? `${userId}/${peerId}` : `${peerId}/${userId}`;
}

export function findDevice(state: StoreState, userId: bigint, device: number): StoredDevice | undefined {
  return state.users.get(userId)?.devices[device - 1];
}

export function isPresent(member: StoredMember): boolean {
  return member.toSeq === null;
}

/** Makes a membership known to its conversation and its user. */
export function addMember(state: StoreState, conversation: StoredConversation, member: StoredMember): void {
  const intervals = conversation.members.get(member.userId);
  if (intervals === undefined) conversation.members.set(member.userId, [member]);
  else intervals.push(member);
  state.users.get(member.userId)?.conversations.add(conversation);
}

export function newMember(
  conversation: StoredConversation,
  member: Pick<StoredMember, "userId" | "fromSeq" | "role" | "changed">,
): StoredMember {
  const { conversationId, headSeq, headCounter } = conversation;
  const marks = { readSeq: headSeq, readCounter: headCounter, deliveredSeq: 0n };
  return { conversationId, toSeq: null, ...marks, ...member, lock: createRowLock() };
}

/** A copy that later changes do not touch, without locks. Entries and refusals never change, so they are shared. */
export function copyState(state: StoreState): StoreState {
  const copy = createState(state.storeId);
  copy.marks = [...state.marks];
  for (const user of state.users.values()) {
    const devices = user.devices.map((device) => ({
      ...device,
      lock: createRowLock(),
      messages: new Map(device.messages),
      refusals: new Map(device.refusals),
      fences: [...device.fences],
    }));
    copy.users.set(user.userId, { userId: user.userId, lock: createRowLock(), devices, conversations: new Set() });
  }
  for (const conversation of state.conversations.values()) copyConversation(copy, conversation);
  return copy;
}

function copyConversation(copy: StoreState, original: StoredConversation): void {
  const conversation = { ...original, lock: createRowLock(), log: [...original.log], members: new Map() };
  copy.conversations.set(conversation.conversationId, conversation);
  const { lowUserId, highUserId } = conversation;
  if (lowUserId !== null && highUserId !== null) copy.directs.set(pairOf(lowUserId, highUserId), conversation);
  for (const intervals of original.members.values()) {
    for (const member of intervals) addMember(copy, conversation, { ...member, lock: createRowLock() });
  }
}
