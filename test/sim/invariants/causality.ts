import type { Sent } from "../history.js";
import { type EraIndex, type Evidence, quote, textOf } from "./evidence.js";
import type { Finding, Invariant } from "./invariant.js";
import { placeOf } from "./logs.js";

/** What time has to do with the order of a log. */
export const ackedBeforeSentIsBefore: Invariant = {
  number: 10,
  title: "what was acked before another message was sent to the same conversation comes before it",
  *check(evidence) {
    for (const era of evidence.eras) yield* findOvertaken(evidence, era);
  },
};

/** Both lists are in the order of time: one walk along both. */
function* findOvertaken({ records }: Evidence, era: EraIndex): Iterable<Finding> {
  const acked = new Map<bigint, bigint>();
  let next = 0;
  const ackUntil = (sentAtMs: number) => {
    for (let upAck = records.upAcksLeft[next]; upAck && upAck.atMs < sentAtMs; upAck = records.upAcksLeft[++next]) {
      const { outcome, atMs } = upAck;
      if (outcome.kind !== "stored" || atMs < era.fromMs || atMs >= era.untilMs) continue;
      const before = acked.get(outcome.conversationId) ?? 0n;
      if (outcome.seq > before) acked.set(outcome.conversationId, outcome.seq);
    }
  };
  for (const sent of records.sent) {
    ackUntil(sent.atMs);
    yield* findOvertaking(era, sent, acked);
  }
}

function* findOvertaking(era: EraIndex, sent: Sent, acked: ReadonlyMap<bigint, bigint>): Iterable<Finding> {
  for (const entry of era.byText.get(sent.text) ?? []) {
    const latest = acked.get(entry.row.conversationId) ?? 0n;
    if (entry.row.seq > latest) continue;
    yield { atMs: sent.atMs, what: `${placeOf(entry)} was sent when seq ${latest} had been acked` };
  }
}

export const fencedSessionsStoreNothing: Invariant = {
  number: 16,
  title: "nothing that a fenced session submitted is stored after the fence",
  *check({ eras }) {
    for (const { state } of eras) {
      for (const { devices } of state.users.values()) {
        for (const { deviceId, fences, messages, refusals } of devices) {
          const raisedAt = new Map(fences.map(({ epoch, atMs }) => [epoch, atMs]));
          const isLate = (stored: { epoch: bigint; committedAtMs: number }) =>
            stored.committedAtMs >= (raisedAt.get(stored.epoch + 1n) ?? Number.POSITIVE_INFINITY);
          for (const entry of messages.values()) {
            if (isLate(entry))
              yield { atMs: entry.committedAtMs, what: `${quote(textOf(entry))} of ${deviceId}, epoch ${entry.epoch}` };
          }
          for (const [clientId, refusal] of refusals) {
            if (isLate(refusal))
              yield {
                atMs: refusal.committedAtMs,
                what: `refusal of ${clientId} of ${deviceId}, epoch ${refusal.epoch}`,
              };
          }
        }
      }
    }
  },
};
