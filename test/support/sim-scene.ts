import { create } from "@bufbuild/protobuf";
import {
  ContentSchema,
  ConversationKind,
  type Event,
  EventSchema,
  type Message,
} from "../../gen/ts/tidewire/v1/content_pb.js";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { Role } from "../../gen/ts/tidewire/v1/group_pb.js";
import { encode } from "../../runtime/binary.js";
import { toMessage } from "../../services/message/message-rows.js";
import { createHistory, type History, type Records } from "../sim/history.js";
import { checkInvariants } from "../sim/invariants/check-invariants.js";
import type { Violation } from "../sim/invariants/invariant.js";
import type { DeviceFacts, SizeFact } from "../sim/invariants/world-facts.js";
import { newConversation } from "../sim/store/grouping.js";
import { createRowLock } from "../sim/store/row-locks.js";
import type { StoreEra } from "../sim/store/store-model.js";
import {
  addMember,
  createState,
  newMember,
  pairOf,
  type StoredConversation,
  type StoredDevice,
  type StoredEntry,
  type StoreState,
} from "../sim/store/stored.js";
import { text } from "./log-world.js";

/** A small world that has done everything right. A test spoils one thing, and asks what is noticed. */
export type Scene = {
  history: History;
  records: { -readonly [Kind in keyof Records]: Records[Kind][number][] };
  state: StoreState;
  eras: StoreEra[];
  group: StoredConversation;
  direct: StoredConversation;
  devices: (DeviceFacts & { outbox: string[]; cursors: Map<bigint, bigint>; held: Map<bigint, Message[]> })[];
  sizes: SizeFact[];
  healedAtMs: number;
  checkedAtMs: number;
  /** Stores a message of a user, as if its device 1 had submitted it, and lets everybody know in good time. */
  say(userId: bigint, conversation: StoredConversation, words: string, atMs: number): StoredEntry;
  violations(): Violation[];
};

export const [ann, bob, carl] = [1n, 2n, 3n] as const;
const names = new Map<bigint, string>([
  [ann, "a1"],
  [bob, "b1"],
  [carl, "c1"],
]);

/** Ann, bob and carl talk in a group, which carl leaves, and ann writes to bob; of bob's messages one is refused. */
export function createScene(): Scene {
  const history = createHistory();
  const state = createState("store");
  const group = newConversation(10n, ConversationKind.GROUP, { memberCount: 3, routing: 1, changed: 1n });
  const direct = newConversation(20n, ConversationKind.DIRECT, { memberCount: 2, routing: 1, changed: 1n });
  Object.assign(direct, { lowUserId: ann, highUserId: bob });
  const scene: Scene = {
    ...{ history, state, group, direct },
    records: history.records as Scene["records"],
    eras: [{ state, fromMs: 0, untilMs: Number.POSITIVE_INFINITY }],
    devices: [],
    sizes: [{ subject: "gateway-1", what: "timers", measured: 3, max: 3 }],
    healedAtMs: 1_000,
    checkedAtMs: 61_000,
    say: (userId, conversation, words, atMs) => say(scene, userId, conversation, words, atMs),
    violations: () => checkInvariants(scene.records, scene, scene),
  };
  for (const userId of [ann, bob, carl]) addDevice(scene, userId);
  state.conversations.set(10n, group).set(20n, direct);
  state.directs.set(pairOf(ann, bob), direct);
  for (const userId of [ann, bob, carl]) join(state, group, userId);
  for (const userId of [ann, bob]) join(state, direct, userId);
  tellAll(scene, scene.group, { case: "groupCreated", value: { userIds: [ann, bob, carl] } }, 10);
  scene.say(ann, group, "a1#1", 20);
  scene.say(bob, group, "b1#1", 30);
  leave(scene, carl, 40);
  scene.say(ann, group, "a1#2", 50);
  scene.say(ann, direct, "a1#3", 60);
  refuse(scene, bob, "b1#2", 70);
  mark(scene);
  return scene;
}

function addDevice({ state, history, devices }: Scene, userId: bigint): void {
  const deviceId = names.get(userId) ?? "";
  const device: StoredDevice = {
    ...{ userId, device: 1, deviceId, lock: createRowLock(), epoch: 1n, lastClientId: 0n },
    ...{ messages: new Map(), refusals: new Map(), fences: [{ epoch: 1n, atMs: 5 }] },
  };
  state.users.set(userId, { userId, lock: createRowLock(), devices: [device], conversations: new Set() });
  history.booted({ atMs: 0, deviceId }, "storage", { outbox: [], cursors: new Map() });
  const held = new Map<bigint, Message[]>();
  const messagesOf = (conversationId: bigint) => held.get(conversationId) ?? [];
  devices.push({ deviceId, userId, presence: "online", outbox: [], cursors: new Map(), held, messagesOf });
}

function join(state: StoreState, conversation: StoredConversation, userId: bigint): void {
  addMember(state, conversation, newMember(conversation, { userId, fromSeq: 1n, role: Role.MEMBER, changed: 1n }));
}

export function deviceOf({ state }: Pick<Scene, "state">, userId: bigint): StoredDevice {
  const device = state.users.get(userId)?.devices[0];
  if (device === undefined) throw new Error(`user ${userId} has no device`);
  return device;
}

function say(scene: Scene, userId: bigint, conversation: StoredConversation, words: string, atMs: number): StoredEntry {
  const device = deviceOf(scene, userId);
  const { deviceId } = device;
  device.lastClientId += 1n;
  const clientId = device.lastClientId;
  const { conversationId, lowUserId, highUserId } = conversation;
  const peerId = lowUserId === userId ? highUserId : lowUserId;
  const target =
    peerId === null ? { kind: "conversation" as const, id: conversationId } : { kind: "peer" as const, userId: peerId };
  scene.history.sent({ atMs: atMs - 5, deviceId, userId, clientId, text: words, target });
  const origin = { senderId: userId, senderDevice: 1, clientId, epoch: 1n };
  const entry = append(conversation, origin, encode(ContentSchema, text(words)), atMs);
  device.messages.set(clientId, entry);
  const { seq } = entry.row;
  const outcome = { kind: "stored" as const, conversationId, seq };
  scene.history.upAckLeft({ atMs: atMs + 1, deviceId, gateway: "gateway-1", userId, device: 1, clientId, outcome });
  scene.history.toldStored({ atMs: atMs + 2, deviceId, clientId, conversationId, seq });
  hand(scene, conversation, entry);
  return entry;
}

type Origin = { senderId: bigint; senderDevice: number; clientId: bigint; epoch: bigint };
const system: Origin = { senderId: 0n, senderDevice: 0, clientId: 0n, epoch: 0n };

function append(
  conversation: StoredConversation,
  { epoch, ...origin }: Origin,
  content: Uint8Array,
  atMs: number,
): StoredEntry {
  conversation.headSeq += 1n;
  const { conversationId, headSeq: seq } = conversation;
  const row = { conversationId, seq, messageId: conversationId * 1_000n + seq, counter: seq, sentAtMs: 1n };
  const entry = { row: { ...row, ...origin, content }, epoch, committedAtMs: atMs };
  conversation.log.push(entry);
  return entry;
}

/** Every member's device gets it and applies it. */
function hand(scene: Scene, conversation: StoredConversation, entry: StoredEntry): void {
  const { conversationId, seq } = entry.row;
  for (const { deviceId, userId, cursors, held } of scene.devices) {
    const toSeq = conversation.members.get(userId)?.at(-1)?.toSeq;
    if (toSeq === undefined || (toSeq !== null && toSeq < seq)) continue;
    const { committedAtMs: atMs } = entry;
    scene.history.handed({ atMs: atMs + 1, gateway: "gateway-1", userId, conversationId, seq, by: "push" });
    const message = toMessage(entry.row);
    scene.history.applied({ atMs: atMs + 3, deviceId }, message);
    held.set(conversationId, [...(held.get(conversationId) ?? []), message]);
    cursors.set(conversationId, seq);
  }
}

type EventKind = { case: string; value: object };

function tellAll(scene: Scene, conversation: StoredConversation, kind: EventKind, atMs: number): void {
  const event = create(EventSchema, { kind: kind as Event["kind"] });
  const content = encode(ContentSchema, create(ContentSchema, { body: { case: "event", value: event } }));
  hand(scene, conversation, append(conversation, system, content, atMs));
}

function leave(scene: Scene, userId: bigint, atMs: number): void {
  const { group } = scene;
  const member = group.members.get(userId)?.at(-1);
  if (member !== undefined) member.toSeq = group.headSeq + 1n;
  tellAll(scene, group, { case: "memberLeft", value: { userId } }, atMs);
}

function refuse(scene: Scene, userId: bigint, words: string, atMs: number): void {
  const device = deviceOf(scene, userId);
  const { deviceId } = device;
  device.lastClientId += 1n;
  const clientId = device.lastClientId;
  const code = ErrorCode.UNKNOWN_CONVERSATION;
  const target = { kind: "conversation" as const, id: 77n };
  scene.history.sent({ atMs: atMs - 5, deviceId, userId, clientId, text: words, target });
  device.refusals.set(clientId, { code, digest: new Uint8Array(0), epoch: 1n, committedAtMs: atMs });
  const outcome = { kind: "refused" as const, code };
  scene.history.upAckLeft({ atMs: atMs + 1, deviceId, gateway: "gateway-1", userId, device: 1, clientId, outcome });
  scene.history.toldRefused({ atMs: atMs + 2, deviceId, clientId, code });
}

/** Bob has read a part of the group, and his device has acknowledged all of it. */
function mark({ state, history, group }: Scene): void {
  const member = group.members.get(bob)?.[0];
  if (member !== undefined) Object.assign(member, { readSeq: 3n, deliveredSeq: 5n });
  const mark = { userId: bob, conversationId: 10n, fromSeq: 1n, headSeq: 5n };
  state.marks.push({ ...mark, atMs: 45, kind: "read", seq: 2n }, { ...mark, atMs: 50, kind: "read", seq: 3n });
  history.ackSent({ atMs: 66, deviceId: "b1", userId: bob, conversationId: 10n, seq: 5n });
  state.marks.push({ ...mark, atMs: 80, kind: "delivered", seq: 5n });
}
