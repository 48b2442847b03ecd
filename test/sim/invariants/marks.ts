import type { MarkChange } from "../store/stored.js";
import type { EraIndex, Evidence } from "./evidence.js";
import type { Finding, Invariant } from "./invariant.js";

/** What users have read, and what their devices hold, as the store knows it. */
export const marksOnlyRise: Invariant = {
  number: 8,
  title: "read marks never fall, and no stored mark passes the head",
  *check({ eras }) {
    for (const era of eras) {
      yield* findFalls(era);
      yield* findBeyondHead(era);
    }
  },
};

function* findFalls({ state }: EraIndex): Iterable<Finding> {
  const latest = new Map<string, bigint>();
  for (const mark of state.marks) {
    const key = `${mark.kind} ${nameOf(mark)} from ${mark.fromSeq}`;
    const before = latest.get(key) ?? 0n;
    latest.set(key, mark.seq);
    const { atMs, kind, seq, headSeq } = mark;
    if (seq <= before) yield { atMs, what: `${kind} mark of ${nameOf(mark)} went from ${before} to ${seq}` };
    if (seq > headSeq) yield { atMs, what: `${kind} mark of ${nameOf(mark)} is ${seq}, the head ${headSeq}` };
  }
}

function* findBeyondHead({ state }: EraIndex): Iterable<Finding> {
  for (const { headSeq, members } of state.conversations.values()) {
    for (const member of [...members.values()].flat()) {
      const endSeq = member.toSeq ?? headSeq;
      const { readSeq, deliveredSeq } = member;
      if (readSeq > endSeq) yield { what: `read mark of ${nameOf(member)} is ${readSeq}, the end ${endSeq}` };
      if (deliveredSeq > endSeq)
        yield { what: `delivered mark of ${nameOf(member)} is ${deliveredSeq}, the end ${endSeq}` };
    }
  }
}

export const acksMoveOwnMarksOnly: Invariant = {
  number: 9,
  title: "a foreign, absurd or repeated ack changes nothing but its own device's marks",
  *check(evidence) {
    for (const era of evidence.eras) yield* findUnfounded(evidence, era);
  },
};

/** Each delivered mark follows from an ack of one of its user's devices. Both lists are in the order of time. */
function* findUnfounded({ records }: Evidence, { state }: EraIndex): Iterable<Finding> {
  const acked = new Map<string, bigint>();
  let next = 0;
  for (const mark of state.marks) {
    if (mark.kind !== "delivered") continue;
    for (let ack = records.acksSent[next]; ack && ack.atMs <= mark.atMs; ack = records.acksSent[++next]) {
      if (ack.seq > (acked.get(nameOf(ack)) ?? 0n)) acked.set(nameOf(ack), ack.seq);
    }
    const highest = acked.get(nameOf(mark)) ?? 0n;
    if (mark.seq <= highest) continue;
    yield { atMs: mark.atMs, what: `${nameOf(mark)} counts as delivered up to ${mark.seq}, acked was ${highest}` };
  }
}

function nameOf({ userId, conversationId }: Pick<MarkChange, "userId" | "conversationId">): string {
  return `user ${userId} in ${conversationId}`;
}
