import type { DeviceEvidence, DeviceRow, Evidence, MembershipRow, MessageRow } from "../evidence.js";
import type { Place } from "../note.js";

/** A message that a device wanted to send. `order` counts the device's messages from 0. */
export type SentMessage = Readonly<{ sender: DeviceEvidence; atUs: number; text: string; place: Place; order: number }>;

/** An outcome that a device was told, with the text that it knew under that number. */
export type Stored = Readonly<{
  text: string | undefined;
  atUs: number;
  clientId: number;
  conversationId: string;
  seq: number;
  messageId: string;
}>;
export type Refused = Readonly<{ text: string | undefined; clientId: number; code: string }>;

/** What one device said of its own messages. */
export type Ledger = Readonly<{
  device: DeviceEvidence;
  /** Undefined if the server has never seen it. */
  row: DeviceRow | undefined;
  /** The latest number of each text that has been in the outbox. */
  kept: ReadonlyMap<string, number>;
  /** Texts that were to be sent right before the process was killed: they may or may not have been in the outbox. */
  doubtful: ReadonlySet<string>;
  stored: readonly Stored[];
  refused: readonly Refused[];
}>;

/** The evidence, ordered for looking things up. */
export type Ledgers = Readonly<{
  evidence: Evidence;
  ledgers: readonly Ledger[];
  sent: ReadonlyMap<string, SentMessage>;
  /** Each conversation's messages by rising seq. */
  logs: ReadonlyMap<string, readonly MessageRow[]>;
  rowsOfText: ReadonlyMap<string, readonly MessageRow[]>;
  /** By rising `fromSeq`. */
  intervalsOf(conversationId: string, userId: string): readonly MembershipRow[];
}>;

export function toLedgers(evidence: Evidence): Ledgers {
  const { server, devices } = evidence;
  const intervals = groupBy(server.memberships, ({ conversationId, userId }) => `${conversationId}/${userId}`);
  for (const each of intervals.values()) each.sort((one, other) => one.fromSeq - other.fromSeq);
  const logs = groupBy(server.messages, ({ conversationId }) => conversationId);
  for (const log of logs.values()) log.sort((one, other) => one.seq - other.seq);
  const texts = server.messages.filter((row) => row.text !== undefined);
  return {
    evidence,
    ledgers: devices.map((device) => toLedger(device, server.devices)),
    sent: new Map(devices.flatMap(sentBy).map((sent) => [sent.text, sent])),
    logs,
    rowsOfText: groupBy(texts, ({ text = "" }) => text),
    intervalsOf: (conversationId, userId) => intervals.get(`${conversationId}/${userId}`) ?? [],
  };
}

export function groupBy<Item>(items: readonly Item[], keyOf: (item: Item) => string): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return groups;
}

/** True if the seq lies within one of these memberships. */
export function isWithin(intervals: readonly MembershipRow[], seq: number): boolean {
  return intervals.some(({ fromSeq, toSeq = Number.POSITIVE_INFINITY }) => fromSeq <= seq && seq <= toSeq);
}

function sentBy(sender: DeviceEvidence): SentMessage[] {
  const sends = sender.notes.filter((note) => note.kind === "sends");
  return sends.map(({ atUs, text, place }, order) => ({ sender, atUs, text, place, order }));
}

function toLedger(device: DeviceEvidence, rows: readonly DeviceRow[]): Ledger {
  const texts = new Map<number, string>();
  const kept = new Map<string, number>();
  const unkept = new Set<string>();
  const doubtful = new Set<string>();
  const stored: Stored[] = [];
  const refused: Refused[] = [];
  const keep = ({ clientId, text }: { clientId: number; text: string }) => {
    texts.set(clientId, text);
    kept.set(text, clientId);
    unkept.delete(text);
  };
  for (const note of device.notes) {
    if (note.kind === "opened") {
      for (const pending of note.pending) keep(pending);
      for (const text of unkept) doubtful.add(text);
      unkept.clear();
    }
    if (note.kind === "sends") unkept.add(note.text);
    if (note.kind === "kept") keep(note);
    if (note.kind === "stored") stored.push({ ...note, text: texts.get(note.clientId) });
    if (note.kind === "refused") refused.push({ ...note, text: texts.get(note.clientId) });
  }
  const row = rows.find(({ userId, deviceId }) => userId === device.userId && deviceId === device.deviceId);
  return { device, row, kept, doubtful, stored, refused };
}
