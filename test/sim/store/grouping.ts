import { create } from "@bufbuild/protobuf";
import { ContentSchema, ConversationKind, type Event, EventSchema } from "../../../gen/ts/tidewire/v1/content_pb.js";
import { ErrorCode } from "../../../gen/ts/tidewire/v1/error_pb.js";
import { Role } from "../../../gen/ts/tidewire/v1/group_pb.js";
import { encode } from "../../../runtime/binary.js";
import { TidewireError } from "../../../runtime/error.js";
import type { IdGenerator } from "../../../runtime/ids.js";
import { firstRouting, nextRouting } from "../../../services/group/routing.js";
import type { Committed, Routing } from "../../../services/push/committed.js";
import { routingAt } from "./appending.js";
import { toCommitted } from "./reading.js";
import { createRowLock } from "./row-locks.js";
import {
  addMember,
  isPresent,
  newMember,
  type StoredConversation,
  type StoredEntry,
  type StoredMember,
  type StoreState,
} from "./stored.js";
import type { Plan } from "./transactions.js";

export type GroupRules = Readonly<{
  groupMembersMax: number;
  routeByConversationAbove: number;
  /** How long entries of a group that has grown go both ways, in milliseconds. */
  bothMs: number;
}>;

/** Who asks, and when. */
export type GroupCaller = Readonly<{ callerId: bigint; ids: IdGenerator; nowMs: () => number }>;

/** What has to be published after the commit; nothing, if nothing changed. */
export type GroupChange = Readonly<{ conversationId: bigint; committed: readonly Committed[] }>;

/** As `createGroup` of services/group. @throws TidewireError `UNKNOWN_USER` */
export function createGroupPlan(
  state: StoreState,
  rules: GroupRules,
  { callerId, ids, nowMs }: GroupCaller,
  request: { title: string; userIds: readonly bigint[] },
): Plan<() => GroupChange> {
  return {
    id: "before-locks",
    locks: [],
    work(transactionId) {
      const others = [...new Set(request.userIds)].filter((userId) => userId !== callerId);
      const userIds = [callerId, ...others];
      requireUsers(state, userIds);
      const conversationId = ids.next();
      const conversation = newConversation(conversationId, ConversationKind.GROUP, {
        title: request.title,
        memberCount: userIds.length,
        routing: firstRouting(userIds.length, rules.routeByConversationAbove),
        changed: transactionId,
      });
      const value = { title: request.title, byUserId: callerId, userIds };
      const event = create(EventSchema, { kind: { case: "groupCreated", value } });
      const entry = eventEntry(conversation, event, ids.next(), nowMs());
      const roleOf = (userId: bigint) => (userId === callerId ? Role.OWNER : Role.MEMBER);
      return changeOf(conversation, entry, { joinedUserIds: userIds, leftUserIds: [] }, () => {
        state.conversations.set(conversationId, conversation);
        for (const userId of userIds) join(state, conversation, userId, roleOf(userId), transactionId);
      });
    },
  };
}

/** As `addMembers` of services/group. @throws TidewireError as it does */
export function addMembersPlan(
  state: StoreState,
  rules: GroupRules,
  { callerId, ids, nowMs }: GroupCaller,
  request: { conversationId: bigint; userIds: readonly bigint[] },
): Plan<() => GroupChange> {
  const { conversationId } = request;
  return {
    id: "with-first-lock",
    locks: [() => groupLock(state, conversationId)],
    work(transactionId) {
      const group = requireGroup(state, conversationId);
      requireMember(group, callerId);
      const joining = findJoining(state, group, request.userIds);
      if (joining.length === 0) return { result: () => ({ conversationId, committed: [] }) };
      const memberCount = group.memberCount + joining.length;
      if (memberCount > rules.groupMembersMax) throw new TidewireError(ErrorCode.GROUP_FULL, "the group is full");
      const value = { userIds: joining, byUserId: callerId };
      const event = create(EventSchema, { kind: { case: "membersJoined", value } });
      const sentAtMs = nowMs();
      const entry = eventEntry(group, event, ids.next(), sentAtMs);
      return changeOf(group, entry, { joinedUserIds: joining, leftUserIds: [] }, () => {
        for (const userId of joining) join(state, group, userId, Role.MEMBER, transactionId);
        countMembers(group, memberCount, rules, sentAtMs);
        group.changed = transactionId;
      });
    },
  };
}

/** As `leaveGroup` of services/group. @throws TidewireError `UNKNOWN_CONVERSATION` */
export function leavePlan(
  state: StoreState,
  rules: GroupRules,
  { callerId, ids, nowMs }: GroupCaller,
  conversationId: bigint,
): Plan<() => GroupChange> {
  const present = () => state.conversations.get(conversationId)?.members.get(callerId)?.find(isPresent);
  const heir = () => findHeir(state.conversations.get(conversationId), present());
  const lockOf = (member: StoredMember | undefined) => (member === undefined ? [] : [member.lock]);
  return {
    id: "with-first-lock",
    locks: [() => groupLock(state, conversationId), () => lockOf(present()), () => lockOf(heir())],
    work(transactionId) {
      const group = requireGroup(state, conversationId);
      if (!group.members.has(callerId)) throw unknownConversation();
      const [leaving, next] = [present(), heir()];
      if (leaving === undefined) return { result: () => ({ conversationId, committed: [] }) };
      const event = create(EventSchema, { kind: { case: "memberLeft", value: { userId: callerId } } });
      const sentAtMs = nowMs();
      const entry = eventEntry(group, event, ids.next(), sentAtMs);
      return changeOf(group, entry, { joinedUserIds: [], leftUserIds: [callerId] }, () => {
        Object.assign(leaving, { toSeq: group.headSeq + 1n, role: Role.MEMBER, changed: transactionId });
        if (next !== undefined) next.role = Role.OWNER;
        countMembers(group, group.memberCount - 1, rules, sentAtMs);
        group.changed = transactionId;
      });
    },
  };
}

/** An owner's role passes to whoever has been a member longest. */
function findHeir(group: StoredConversation | undefined, leaving: StoredMember | undefined): StoredMember | undefined {
  if (leaving?.role !== Role.OWNER) return undefined;
  let heir: StoredMember | undefined;
  for (const intervals of group?.members.values() ?? []) {
    const member = intervals.at(-1);
    if (member === undefined || member === leaving || !isPresent(member)) continue;
    if (heir === undefined || isLonger(member, heir)) heir = member;
  }
  return heir;
}

function isLonger(one: StoredMember, other: StoredMember): boolean {
  return one.fromSeq < other.fromSeq || (one.fromSeq === other.fromSeq && one.userId < other.userId);
}

/** An entry before its commit. */
type EventEntry = Omit<StoredEntry, "committedAtMs">;
type Moved = Pick<Committed, "joinedUserIds" | "leftUserIds">;

/** `change` runs before the entry is in the log: memberships are written with the seq that it is about to get. */
function changeOf(group: StoredConversation, event: EventEntry, moved: Moved, change: () => void) {
  const { conversationId } = group;
  let committed: Committed[] = [];
  return {
    result: () => ({ conversationId, committed }),
    change(atMs: number) {
      change();
      const entry = { ...event, committedAtMs: atMs };
      group.log.push(entry);
      group.headSeq = entry.row.seq;
      group.rosterSeq = entry.row.seq;
      group.routing = routingAt(group, Number(entry.row.sentAtMs));
      committed = [{ ...toCommitted(group, entry), ...moved }];
    },
  };
}

function eventEntry(group: StoredConversation, event: Event, messageId: bigint, sentAtMs: number): EventEntry {
  const content = encode(ContentSchema, create(ContentSchema, { body: { case: "event", value: event } }));
  const { conversationId, headSeq, headCounter } = group;
  const origin = { senderId: 0n, senderDevice: 0, clientId: 0n };
  const place = { conversationId, seq: headSeq + 1n, messageId, counter: headCounter };
  return { row: { ...place, ...origin, sentAtMs: BigInt(Math.floor(sentAtMs)), content }, epoch: 0n };
}

function countMembers(group: StoredConversation, memberCount: number, rules: GroupRules, nowMs: number): void {
  const routing = nextRouting(group.routing, memberCount, rules.routeByConversationAbove);
  group.memberCount = memberCount;
  if (routing === group.routing) return;
  group.routing = routing;
  group.routingUntilMs = nowMs + rules.bothMs;
}

function join(state: StoreState, group: StoredConversation, userId: bigint, role: Role, transactionId: bigint): void {
  const fromSeq = group.headSeq + 1n;
  addMember(state, group, newMember(group, { userId, fromSeq, role, changed: transactionId }));
}

export function newConversation(
  conversationId: bigint,
  kind: ConversationKind,
  fields: { title?: string; memberCount: number; routing: Routing; changed: bigint },
): StoredConversation {
  const none = { headSeq: 0n, headCounter: 0n, rosterSeq: 0n, routingUntilMs: 0, lowUserId: null, highUserId: null };
  const empty = { log: [], members: new Map(), lock: createRowLock() };
  return { conversationId, kind, title: "", ...none, ...empty, ...fields };
}

function groupLock(state: StoreState, conversationId: bigint) {
  return [requireGroup(state, conversationId).lock];
}

function requireGroup(state: StoreState, conversationId: bigint): StoredConversation {
  const group = state.conversations.get(conversationId);
  if (group?.kind !== ConversationKind.GROUP) throw unknownConversation();
  return group;
}

function requireMember(group: StoredConversation, userId: bigint): void {
  const intervals = group.members.get(userId);
  if (intervals === undefined) throw unknownConversation();
  if (!intervals.some(isPresent)) throw new TidewireError(ErrorCode.NOT_A_MEMBER, "you have left this group");
}

function requireUsers(state: StoreState, userIds: readonly bigint[]): void {
  const unknown = userIds.find((userId) => !state.users.has(userId));
  if (unknown !== undefined) throw new TidewireError(ErrorCode.UNKNOWN_USER, `there is no user ${unknown}`);
}

function findJoining(state: StoreState, group: StoredConversation, userIds: readonly bigint[]): bigint[] {
  const wanted = [...new Set(userIds)];
  requireUsers(state, wanted);
  return wanted.filter((userId) => !group.members.get(userId)?.some(isPresent));
}

function unknownConversation(): TidewireError {
  return new TidewireError(ErrorCode.UNKNOWN_CONVERSATION, "there is no such group for this user");
}
