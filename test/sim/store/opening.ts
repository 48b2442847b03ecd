import { ConversationKind } from "../../../gen/ts/tidewire/v1/content_pb.js";
import { ErrorCode } from "../../../gen/ts/tidewire/v1/error_pb.js";
import { Role } from "../../../gen/ts/tidewire/v1/group_pb.js";
import { TidewireError } from "../../../runtime/error.js";
import type { OpenedSession } from "../../../services/account/sessions.js";
import { byUser } from "../../../services/push/committed.js";
import { newConversation } from "./grouping.js";
import { createRowLock, type RowLock } from "./row-locks.js";
import { addMember, newMember, pairOf, type StoredConversation, type StoredDevice, type StoreState } from "./stored.js";
import type { Plan } from "./transactions.js";

/** As `openSession` of services/account. @throws TidewireError `TOO_MANY_DEVICES`, `UNAUTHENTICATED` */
export function openSessionPlan(
  state: StoreState,
  opening: { userId: bigint; deviceId: string; devicesMax: number },
): Plan<OpenedSession> {
  const { userId, deviceId, devicesMax } = opening;
  const find = () => state.users.get(userId)?.devices.find((device) => device.deviceId === deviceId);
  const known = find();
  const lockDevice = () => [find()?.lock].filter((lock) => lock !== undefined);
  const lockUser = () => [state.users.get(userId)?.lock].filter((lock) => lock !== undefined);
  return {
    id: known === undefined ? "with-first-lock" : "before-locks",
    // A new device is looked for again once the account is locked: somebody else may have added it.
    locks: known === undefined ? [lockUser, lockDevice] : [lockDevice],
    work() {
      const user = state.users.get(userId);
      if (user === undefined) throw new TidewireError(ErrorCode.UNAUTHENTICATED, "there is no such account");
      const present = find();
      if (present === undefined && user.devices.length >= devicesMax) {
        throw new TidewireError(ErrorCode.TOO_MANY_DEVICES, `this user has ${devicesMax} devices`);
      }
      const device = present ?? newDevice(userId, user.devices.length + 1, deviceId);
      const epoch = device.epoch + 1n;
      return {
        result: { device: device.device, epoch, lastClientId: device.lastClientId },
        change(atMs) {
          if (present === undefined) user.devices.push(device);
          device.epoch = epoch;
          device.fences.push({ epoch, atMs });
        },
      };
    },
  };
}

function newDevice(userId: bigint, device: number, deviceId: string): StoredDevice {
  const none = { epoch: 0n, lastClientId: 0n, messages: new Map(), refusals: new Map(), fences: [] };
  return { userId, device, deviceId, lock: createRowLock(), ...none };
}

/** The direct conversation of two users if there is one; with oneself: the user's own, whose id is the user's id. */
export function findDirect(state: StoreState, userId: bigint, peerId: bigint): StoredConversation | undefined {
  return userId === peerId ? state.conversations.get(userId) : state.directs.get(pairOf(userId, peerId));
}

/**
 * Creates what `findDirect` has not found. Does nothing if somebody else was faster, or if a user does not exist.
 * @param uniqueness the entry of the unique index, which makes two that insert the same pair wait for one another
 */
export function createDirectPlan(
  state: StoreState,
  pair: { userId: bigint; peerId: bigint; conversationId: bigint },
  uniqueness: RowLock,
): Plan<void> {
  const { userId, peerId } = pair;
  return {
    id: "before-locks",
    locks: [() => [uniqueness]],
    work(transactionId) {
      const isKnown = state.users.has(userId) && state.users.has(peerId);
      if (!isKnown || findDirect(state, userId, peerId) !== undefined) return { result: undefined };
      return { result: undefined, change: () => addDirect(state, pair, transactionId) };
    },
  };
}

function addDirect(
  state: StoreState,
  { userId, peerId, conversationId }: { userId: bigint; peerId: bigint; conversationId: bigint },
  changed: bigint,
): void {
  const isSelf = userId === peerId;
  const kind = isSelf ? ConversationKind.SELF : ConversationKind.DIRECT;
  const id = isSelf ? userId : conversationId;
  const conversation = newConversation(id, kind, { memberCount: isSelf ? 1 : 2, routing: byUser, changed });
  state.conversations.set(id, conversation);
  if (!isSelf) {
    conversation.lowUserId = userId < peerId ? userId : peerId;
    conversation.highUserId = userId < peerId ? peerId : userId;
    state.directs.set(pairOf(userId, peerId), conversation);
  }
  for (const memberId of new Set([conversation.lowUserId ?? id, conversation.highUserId ?? id])) {
    const member = newMember(conversation, { userId: memberId, fromSeq: 1n, role: Role.MEMBER, changed });
    addMember(state, conversation, member);
  }
}
