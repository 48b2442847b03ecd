import type { Message } from "../../../gen/ts/tidewire/v1/content_pb.js";
import { ContentSchema } from "../../../gen/ts/tidewire/v1/content_pb.js";
import { decode } from "../../../runtime/binary.js";
import type { Records, Sent } from "../history.js";
import type { StoreEra } from "../store/store-model.js";
import { findDevice, type StoredConversation, type StoredEntry } from "../store/stored.js";
import type { WorldFacts } from "./world-facts.js";

/** All that invariants look at, with what several of them look up. */
export type Evidence = Readonly<{
  records: Records;
  facts: WorldFacts;
  /** By rising time; the last one is the present. */
  eras: readonly EraIndex[];
  present: EraIndex;
  eraAt(atMs: number): EraIndex;
  /** By text. */
  sent: ReadonlyMap<string, Sent>;
  /**
   * How often a device's storage, or the store, was brought back to an older state. Once is mended by numbers alone; whatever is
   * brought back twice may send a message again that got another number in between.
   */
  setBacks(deviceId: string): number;
  rollbacks(deviceId: string): number;
}>;

/** The store as it was under one store id, by what is looked for. */
export type EraIndex = StoreEra &
  Readonly<{
    /** By `idOf`. */
    byId: ReadonlyMap<string, readonly StoredEntry[]>;
    byText: ReadonlyMap<string, readonly StoredEntry[]>;
  }>;

export function gatherEvidence(records: Records, eras: readonly StoreEra[], facts: WorldFacts): Evidence {
  const indexed = eras.map(indexEra);
  const present = indexed.at(-1);
  if (present === undefined) throw new Error("a store has at least one era");
  const rollbacks = new Map<string, number>();
  for (const { deviceId, from } of records.boots) {
    if (from === "rolled-back-storage") rollbacks.set(deviceId, (rollbacks.get(deviceId) ?? 0) + 1);
  }
  return {
    records,
    facts,
    eras: indexed,
    present,
    eraAt: (atMs) => indexed.find((era) => atMs < era.untilMs) ?? present,
    sent: new Map(records.sent.map((sent) => [sent.text, sent])),
    setBacks: (deviceId) => (rollbacks.get(deviceId) ?? 0) + indexed.length - 1,
    rollbacks: (deviceId) => rollbacks.get(deviceId) ?? 0,
  };
}

function indexEra(era: StoreEra): EraIndex {
  const byId = new Map<string, StoredEntry[]>();
  const byText = new Map<string, StoredEntry[]>();
  for (const { log } of era.state.conversations.values()) {
    for (const entry of log) {
      if (entry.row.senderId === 0n) continue;
      addTo(byId, idOf(entry.row), entry);
      addTo(byText, textOf(entry), entry);
    }
  }
  return { ...era, byId, byText };
}

function addTo<Value>(map: Map<string, Value[]>, key: string, value: Value): void {
  const known = map.get(key);
  if (known === undefined) map.set(key, [value]);
  else known.push(value);
}

/** Names a message by its sender's own number for it. */
export function idOf(message: { senderId: bigint; senderDevice: number; clientId: bigint }): string {
  return `${message.senderId}/${message.senderDevice}/${message.clientId}`;
}

const texts = new WeakMap<StoredEntry, string>();

/** The words of an entry; for other content a word for its kind. Bytes that are no content are their own description. */
export function textOf(entry: StoredEntry): string {
  const known = texts.get(entry);
  if (known !== undefined) return known;
  const text = decodeText(entry.row.content);
  texts.set(entry, text);
  return text;
}

function decodeText(content: Uint8Array): string {
  try {
    return wordsOf(decode(ContentSchema, content));
  } catch {
    return `bytes ${Buffer.from(content).toString("hex")}`;
  }
}

export function wordsOf(content: Message["content"]): string {
  return content?.body.case === "text" ? content.body.value.text : `(${content?.body.case})`;
}

/** The entry at a place of a log, if there is one. */
export function entryAt(era: StoreEra, conversationId: bigint, seq: bigint): StoredEntry | undefined {
  return era.state.conversations.get(conversationId)?.log[Number(seq) - 1];
}

/** True if a user was a member at this place of the log. */
export function isWithin(conversation: StoredConversation, userId: bigint, seq: bigint): boolean {
  for (const { fromSeq, toSeq } of conversation.members.get(userId) ?? []) {
    if (fromSeq <= seq && (toSeq === null || seq <= toSeq)) return true;
  }
  return false;
}

/** The device_id behind a device's number. */
export function deviceIdOf(era: StoreEra, userId: bigint, device: number): string | undefined {
  return findDevice(era.state, userId, device)?.deviceId;
}

/** A text in a sentence; a long one is cut. */
export function quote(text: string | undefined): string {
  return text !== undefined && text.length > 24 ? `"${text.slice(0, 20)}…"` : `"${text}"`;
}
