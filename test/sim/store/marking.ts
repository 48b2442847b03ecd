import type { DeliveredMark } from "../../../services/message/log-store.js";
import type { MarkChange, StoredMember, StoreState } from "./stored.js";
import type { Plan } from "./transactions.js";

type Asked = { readonly member: StoredMember; seq: bigint };

/** As `markRead` of services/conversation. */
export function markReadPlan(
  state: StoreState,
  userId: bigint,
  cursors: readonly { conversationId: bigint; seq: bigint }[],
): Plan<void> {
  const marks = cursors.map((cursor) => ({ userId, ...cursor }));
  return planMarks(state, marks, "read", (member, seq, transactionId) => {
    const log = state.conversations.get(member.conversationId)?.log;
    const counter = log?.[Number(seq) - 1]?.row.counter ?? 0n;
    member.readSeq = seq;
    if (counter > member.readCounter) member.readCounter = counter;
    member.changed = transactionId;
  });
}

/** As `LogStore.raiseDelivered`. */
export function raiseDeliveredPlan(state: StoreState, marks: readonly DeliveredMark[]): Plan<void> {
  return planMarks(state, marks, "delivered", (member, seq) => {
    member.deliveredSeq = seq;
  });
}

function planMarks(
  state: StoreState,
  marks: readonly DeliveredMark[],
  kind: MarkChange["kind"],
  raise: (member: StoredMember, seq: bigint, transactionId: bigint) => void,
): Plan<void> {
  const markOf = (member: StoredMember) => (kind === "read" ? member.readSeq : member.deliveredSeq);
  const asked = highestOfEach(state, marks).filter(({ member, seq }) => markOf(member) < seq);
  return {
    id: "with-first-lock",
    locks: [() => asked.map(({ member }) => member.lock)],
    work(transactionId) {
      const raised = asked
        .map(({ member, seq }) => ({ member, seq: lowest(seq, endOf(state, member)), headSeq: endOf(state, member) }))
        .filter(({ member, seq }) => markOf(member) < seq);
      const change = (atMs: number) => {
        for (const { member, seq, headSeq } of raised) {
          raise(member, seq, transactionId);
          const { userId, conversationId, fromSeq } = member;
          state.marks.push({ atMs, kind, userId, conversationId, fromSeq, seq, headSeq });
        }
      };
      return raised.length === 0 ? { result: undefined } : { result: undefined, change };
    },
  };
}

/** The latest membership of each user in each conversation, by conversation and user. Who was never in it is left out. */
function highestOfEach(state: StoreState, marks: readonly DeliveredMark[]): Asked[] {
  const asked = new Map<StoredMember, Asked>();
  for (const { userId, conversationId, seq } of marks) {
    const member = state.conversations.get(conversationId)?.members.get(userId)?.at(-1);
    if (member === undefined) continue;
    const known = asked.get(member);
    if (known === undefined) asked.set(member, { member, seq });
    else if (known.seq < seq) known.seq = seq;
  }
  return [...asked.values()].sort(byConversationAndUser);
}

function byConversationAndUser({ member: one }: Asked, { member: other }: Asked): number {
  if (one.conversationId !== other.conversationId) return one.conversationId < other.conversationId ? -1 : 1;
  return one.userId < other.userId ? -1 : 1;
}

/** The last seq that there is for a member. */
function endOf(state: StoreState, member: StoredMember): bigint {
  return member.toSeq ?? state.conversations.get(member.conversationId)?.headSeq ?? 0n;
}

function lowest(one: bigint, other: bigint): bigint {
  return one < other ? one : other;
}
