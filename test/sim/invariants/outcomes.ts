import { ErrorCode } from "../../../gen/ts/tidewire/v1/error_pb.js";
import type { UpAckLeft } from "../history.js";
import { findDevice } from "../store/stored.js";
import { type EraIndex, type Evidence, entryAt, idOf, quote, textOf } from "./evidence.js";
import type { Finding, Invariant } from "./invariant.js";

/** What became of messages, and what was said about it. */
export const ackedOnceAtItsSeq: Invariant = {
  number: 1,
  title: "every acked message is in its log exactly once, at the acked seq",
  *check(evidence) {
    for (const upAck of evidence.records.upAcksLeft) yield* findUnstored(evidence.eraAt(upAck.atMs), upAck);
    yield* findUnstoredTold(evidence);
    yield* findDoubles(evidence);
  },
};

function* findUnstored(era: EraIndex, upAck: UpAckLeft): Iterable<Finding> {
  const { outcome, atMs } = upAck;
  if (outcome.kind !== "stored") return;
  const id = idOfAck(upAck);
  const { conversationId, seq } = outcome;
  const entry = entryAt(era, conversationId, seq);
  const times = era.byId.get(id)?.length ?? 0;
  if (entry === undefined) yield { atMs, what: `${id} was acked at ${conversationId}/${seq}, where nothing is` };
  else if (idOf(entry.row) !== id)
    yield { atMs, what: `${id} was acked at ${conversationId}/${seq}, where ${idOf(entry.row)} is` };
  if (times !== 1) yield { atMs, what: `${id} was acked, and is in the logs ${times} times` };
}

/** A device that was paused hears of what was acked before the store was restored. */
function* findUnstoredTold({ records, eras }: Evidence): Iterable<Finding> {
  for (const { atMs, deviceId, text, conversationId, seq } of records.toldStored) {
    const isThere = (era: EraIndex) => {
      const entry = entryAt(era, conversationId, seq);
      return entry !== undefined && textOf(entry) === text && entry.committedAtMs <= atMs;
    };
    if (eras.some((era) => era.fromMs <= atMs && isThere(era))) continue;
    yield { atMs, what: `${deviceId} was told that ${quote(text)} is at ${conversationId}/${seq}, which it was not` };
  }
}

function* findDoubles({ records, eras, setBacks }: Evidence): Iterable<Finding> {
  for (const { text, deviceId } of records.sent) {
    for (const era of eras) {
      const entries = era.byText.get(text) ?? [];
      if (entries.length < 2 || setBacks(deviceId) > 1) continue;
      const places = entries.map(({ row }) => `${row.conversationId}/${row.seq} as ${row.clientId}`);
      yield {
        atMs: entries[1]?.committedAtMs,
        what: `${quote(text)} is stored ${entries.length} times: ${places.join(", ")}`,
      };
    }
  }
}

export const outcomesAgree: Invariant = {
  number: 5,
  title: "all results for one id are identical",
  *check(evidence) {
    const first = new Map<string, string>();
    for (const upAck of evidence.records.upAcksLeft) {
      const id = idOfAck(upAck);
      const key = `${evidence.eraAt(upAck.atMs).state.storeId} ${id}`;
      const outcome = nameOf(upAck.outcome);
      const before = first.get(key) ?? outcome;
      first.set(key, before);
      if (before !== outcome) yield { atMs: upAck.atMs, what: `${id} was ${before}, and then ${outcome}` };
    }
  },
};

export const outcomesAreFinal: Invariant = {
  number: 11,
  title: "every outcome is stored, refused or unknown, and unknown resolves to one of the two",
  *check(evidence) {
    const { records, facts, setBacks, rollbacks } = evidence;
    yield* findStoredRefusals(evidence);
    const stored = new Set(records.toldStored.map(({ text }) => text));
    const refused = new Set(records.toldRefused.map(({ text }) => text));
    for (const { text, deviceId, atMs } of records.toldRefused) {
      if (text === undefined)
        yield { atMs, what: `${deviceId} was told that a message is refused which it has not sent` };
      if (text === undefined || setBacks(deviceId) > 1) continue;
      if (stored.has(text)) yield { atMs, what: `${quote(text)} was both stored and refused` };
      if (evidence.eraAt(atMs).byText.has(text) || evidence.present.byText.has(text))
        yield { atMs, what: `${quote(text)} was refused, but it is in the log` };
    }
    const waiting = new Set(facts.devices.flatMap(({ outbox }) => outbox));
    for (const { text, deviceId, atMs } of records.sent) {
      const isKnown = stored.has(text) || refused.has(text) || waiting.has(text);
      // What a storage that was rolled back has forgotten, nobody sends again.
      if (!isKnown && rollbacks(deviceId) === 0)
        yield { atMs, what: `${quote(text)} has no outcome, and is in no outbox` };
    }
  },
};

/** In the log of the time: one that a restore has taken out of it may be refused when it comes again. */
function* findStoredRefusals({ records, eraAt }: Evidence): Iterable<Finding> {
  for (const upAck of records.upAcksLeft) {
    const { atMs, outcome } = upAck;
    const id = idOfAck(upAck);
    if (outcome.kind === "refused" && eraAt(atMs).byId.has(id))
      yield { atMs, what: `${id} was refused, but it is in the log` };
  }
}

export const nothingIsToldBeforeItsCommit: Invariant = {
  number: 13,
  title: "no ack, and no message, precedes its commit",
  *check(evidence) {
    for (const upAck of evidence.records.upAcksLeft) {
      const committedAtMs = commitOf(evidence.eraAt(upAck.atMs), upAck);
      const { atMs } = upAck;
      if (committedAtMs === undefined) yield { atMs, what: `${idOfAck(upAck)} was acked and never committed` };
      else if (committedAtMs > atMs)
        yield { atMs, what: `${idOfAck(upAck)} was acked ${(committedAtMs - atMs).toFixed(1)} ms before its commit` };
    }
    for (const { atMs, gateway, conversationId, seq } of evidence.records.handed) {
      const entry = entryAt(evidence.eraAt(atMs), conversationId, seq);
      if (entry !== undefined && entry.committedAtMs <= atMs) continue;
      yield { atMs, what: `${gateway} handed out ${conversationId}/${seq}, which was not committed` };
    }
  },
};

function commitOf({ state }: EraIndex, { userId, device, clientId, outcome }: UpAckLeft): number | undefined {
  const row = findDevice(state, userId, device);
  if (outcome.kind === "refused") return row?.refusals.get(clientId)?.committedAtMs;
  return row?.messages.get(clientId)?.committedAtMs;
}

function idOfAck({ userId, device, clientId }: UpAckLeft): string {
  return idOf({ senderId: userId, senderDevice: device, clientId });
}

function nameOf(outcome: UpAckLeft["outcome"]): string {
  return outcome.kind === "stored"
    ? `stored at ${outcome.conversationId}/${outcome.seq}`
    : `refused as ${ErrorCode[outcome.code]}`;
}
