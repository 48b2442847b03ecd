import type { Application } from "../history.js";
import type { StoredConversation } from "../store/stored.js";
import { type EraIndex, entryAt, isWithin, quote, textOf, wordsOf } from "./evidence.js";
import type { Finding, Invariant } from "./invariant.js";
import { convergenceMs, type DeviceFacts } from "./world-facts.js";

/** Sums of fractions of milliseconds are not exact: this counts as `convergenceMs`. */
const enoughMs = convergenceMs - 1;

/** What devices hold. */
export const appliedWithoutHoles: Invariant = {
  number: 6,
  title: "a device applies strictly rising seqs, with no hole behind them unless a reset covers it",
  *check({ records }) {
    const cursors = new Map<string, Map<bigint, bigint>>();
    for (const application of records.applications) {
      const known = cursors.get(application.deviceId) ?? new Map<bigint, bigint>();
      cursors.set(application.deviceId, known);
      yield* apply(known, application);
    }
  },
};

function* apply(cursors: Map<bigint, bigint>, application: Application): Iterable<Finding> {
  const { atMs, deviceId } = application;
  switch (application.kind) {
    case "applied": {
      const { conversationId, seq } = application.message;
      const cursor = cursors.get(conversationId) ?? 0n;
      cursors.set(conversationId, seq);
      if (seq !== cursor + 1n) yield { atMs, what: `${deviceId} applied ${conversationId}/${seq} after ${cursor}` };
      return;
    }
    case "reset": {
      const { conversationId, floorSeq } = application;
      const cursor = cursors.get(conversationId) ?? 0n;
      cursors.set(conversationId, floorSeq);
      if (floorSeq < cursor)
        yield { atMs, what: `${deviceId} went back in ${conversationId} from ${cursor} to ${floorSeq}` };
      return;
    }
    case "started-over":
      return cursors.clear();
    case "booted": {
      if (application.from === "storage") yield* findForgotten(cursors, application);
      cursors.clear();
      for (const [conversationId, cursor] of application.cursors) cursors.set(conversationId, cursor);
    }
  }
}

function* findForgotten(
  cursors: ReadonlyMap<bigint, bigint>,
  { atMs, deviceId, cursors: stored }: Extract<Application, { kind: "booted" }>,
): Iterable<Finding> {
  for (const conversationId of new Set([...cursors.keys(), ...stored.keys()])) {
    const [before, after] = [cursors.get(conversationId) ?? 0n, stored.get(conversationId) ?? 0n];
    if (before === after) continue;
    yield { atMs, what: `${deviceId} had applied ${conversationId} up to ${before}; its storage says ${after}` };
  }
}

/** A device that knows nothing of a conversation is given this much of its past. */
const recentMax = 200n;

export const devicesConverge: Invariant = {
  number: 7,
  title: "within a minute after the last fault, each device's log equals the server's from its floor",
  *check({ facts, present }) {
    if (facts.checkedAtMs - facts.healedAtMs < enoughMs) return;
    for (const device of facts.devices) {
      if (device.presence === "away") continue;
      const known = present.state.users.get(device.userId)?.conversations ?? new Set<StoredConversation>();
      for (const conversation of known) yield* compare(present, conversation, device);
      for (const conversationId of device.cursors.keys()) {
        if (isKnown(known, conversationId)) continue;
        yield { atMs: facts.checkedAtMs, what: `${device.deviceId} holds ${conversationId}, which is not its own` };
      }
    }
  },
};

function isKnown(conversations: Iterable<StoredConversation>, id: bigint): boolean {
  for (const { conversationId } of conversations) if (conversationId === id) return true;
  return false;
}

function* compare(era: EraIndex, conversation: StoredConversation, device: DeviceFacts): Iterable<Finding> {
  const { conversationId } = conversation;
  const endSeq = conversation.members.get(device.userId)?.at(-1)?.toSeq ?? conversation.headSeq;
  const where = `${device.deviceId}, conversation ${conversationId}`;
  const cursor = device.cursors.get(conversationId) ?? 0n;
  if (cursor !== endSeq) yield { what: `${where}: it is at ${cursor}, the log at ${endSeq}` };
  let held = 0n;
  for (const message of device.messagesOf(conversationId)) {
    const { seq } = message;
    if (seq <= held) yield { what: `${where}: ${seq} lies behind ${held}` };
    yield* findMissing(conversation, device.userId, { held, seq, endSeq }, where);
    const entry = entryAt(era, conversationId, seq);
    const isSame =
      entry?.row.messageId === message.messageId &&
      entry.row.clientId === message.clientId &&
      entry.row.senderId === message.senderId &&
      textOf(entry) === wordsOf(message.content);
    if (!isSame) yield { what: `${where}: it holds another message at ${seq} than the log` };
    held = seq;
  }
  yield* findMissing(conversation, device.userId, { held, seq: endSeq + 1n, endSeq }, where);
}

/** What lies between two messages that a device holds is not this user's to read, or was too old to be given. */
function* findMissing(
  conversation: StoredConversation,
  userId: bigint,
  { held, seq, endSeq }: { held: bigint; seq: bigint; endSeq: bigint },
  where: string,
): Iterable<Finding> {
  for (let missing = held + 1n; missing < seq; missing += 1n) {
    if (missing <= endSeq - recentMax || !isWithin(conversation, userId, missing)) continue;
    yield { what: `${where}: it lacks ${missing}` };
    return;
  }
}

export const outboxesEmpty: Invariant = {
  number: 15,
  title: "nothing in an outbox waits longer than a minute on a healthy network",
  *check({ facts, records, sent }) {
    const { healedAtMs, checkedAtMs } = facts;
    const sinceOf = (text: string) => Math.max(sent.get(text)?.atMs ?? 0, healedAtMs);
    const online = new Map(
      facts.devices.filter(({ presence }) => presence === "online").map((one) => [one.deviceId, one]),
    );
    for (const { deviceId, outbox } of online.values()) {
      for (const text of outbox) {
        const waitedMs = checkedAtMs - sinceOf(text);
        if (waitedMs >= enoughMs)
          yield { what: `${quote(text)} of ${deviceId} has waited for ${Math.round(waitedMs)} ms` };
      }
    }
    for (const { atMs, deviceId, text } of [...records.toldStored, ...records.toldRefused]) {
      if (text === undefined || !online.has(deviceId) || atMs - sinceOf(text) <= convergenceMs) continue;
      yield { atMs, what: `${quote(text)} of ${deviceId} had waited for ${Math.round(atMs - sinceOf(text))} ms` };
    }
  },
};
