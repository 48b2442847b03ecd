import assert from "node:assert/strict";
import type { DeviceEvidence, Evidence, HeldMessage, MembershipRow, MessageRow } from "../endurance/evidence.js";
import type { Note } from "../endurance/note.js";

/** For tests that spoil it. */
export type Mutable<Type> = Type extends object ? { -readonly [Key in keyof Type]: Mutable<Type[Key]> } : Type;

export const group = "100";
export const direct = "200";

/**
 * Two users, ann with a phone and a tablet, bob with a phone. In the group (whose first entry is its creation): ann, bob, ann. In
 * the direct conversation: bob, ann. Bob's phone was killed once.
 */
export function flawlessEvidence(): Mutable<Evidence> {
  const rows = [
    entry(group, 1, undefined),
    entry(group, 2, "a1", { sender: "ann", clientId: 1 }),
    entry(group, 3, "b1", { sender: "bob", clientId: 1 }),
    entry(group, 4, "a2", { sender: "ann", clientId: 2 }),
    entry(direct, 1, "b2", { sender: "bob", clientId: 2 }),
    entry(direct, 2, "a3", { sender: "ann", clientId: 3 }),
  ];
  const all = rows.map(({ conversationId, seq, messageId, text }) => ({ conversationId, seq, messageId, text }));
  const evidence: Evidence = {
    server: {
      conversations: [
        { conversationId: group, headSeq: 4, pair: undefined },
        { conversationId: direct, headSeq: 2, pair: ["ann", "bob"] as const },
      ],
      messages: rows,
      memberships: [group, direct].flatMap((conversationId) => [
        member(conversationId, "ann", { readSeq: 2 }),
        member(conversationId, "bob"),
      ]),
      refusals: [],
      devices: [
        { userId: "ann", device: 1, deviceId: "ann-phone", lastClientId: 3 },
        { userId: "ann", device: 2, deviceId: "ann-tablet", lastClientId: 0 },
        { userId: "bob", device: 1, deviceId: "bob-phone", lastClientId: 2 },
      ],
    },
    devices: [
      device("ann-phone", all, [
        { kind: "opened", cursors: {}, pending: [] },
        ...sends("a1", 10, { clientId: 1, conversationId: group, seq: 2 }),
        ...sends("a2", 30, { clientId: 2, conversationId: group, seq: 4 }),
        ...sends("a3", 50, { clientId: 3, conversationId: direct, seq: 2 }),
        ...all.map(applied),
        { kind: "read", conversationId: group, seq: 2 },
      ]),
      device("ann-tablet", all.slice(1), [
        { kind: "opened", cursors: {}, pending: [] },
        { kind: "reset", conversationId: group, floorSeq: 1 },
        ...all.slice(1).map(applied),
      ]),
      device("bob-phone", all, [
        { kind: "opened", cursors: {}, pending: [] },
        ...all.slice(0, 2).map(applied),
        ...sends("b1", 20, { clientId: 1, conversationId: group, seq: 3 }),
        { kind: "sends", atUs: 40, text: "b2", place: { to: "user", userId: "ann" } },
        { kind: "sends", atUs: 41, text: "b3", place: { to: "user", userId: "ann" } },
        // Killed: the notes that it applied 3 and kept b2 are missing, and b3 was not kept.
        { kind: "opened", cursors: { [group]: 3 }, pending: [{ clientId: 2, text: "b2" }] },
        { kind: "stored", atUs: 45, clientId: 2, conversationId: direct, seq: 1, messageId: `${direct}-1` },
        ...all.slice(3).map(applied),
      ]),
    ],
  };
  return structuredClone(evidence) as Mutable<Evidence>;
}

export function entry(
  conversationId: string,
  seq: number,
  text: string | undefined,
  { sender, clientId }: { sender: string; clientId: number } = { sender: "0", clientId: 0 },
): MessageRow {
  const device = sender === "0" ? 0 : 1;
  return { conversationId, seq, messageId: `${conversationId}-${seq}`, senderId: sender, device, clientId, text };
}

function member(conversationId: string, userId: string, changes: Partial<MembershipRow> = {}): MembershipRow {
  return { conversationId, userId, fromSeq: 1, toSeq: undefined, readSeq: 0, ...changes };
}

function sends(
  text: string,
  atUs: number,
  { clientId, conversationId, seq }: { clientId: number; conversationId: string; seq: number },
): Note[] {
  const place =
    conversationId === group
      ? ({ to: "conversation", conversationId } as const)
      : ({ to: "user", userId: "bob" } as const);
  return [
    { kind: "sends", atUs, text, place },
    { kind: "kept", clientId, text },
    { kind: "stored", atUs: atUs + 5, clientId, conversationId, seq, messageId: `${conversationId}-${seq}` },
  ];
}

const applied = ({ conversationId, seq, messageId }: HeldMessage): Note => ({
  kind: "applied",
  conversationId,
  seq,
  messageId,
});

function device(deviceId: string, messages: readonly HeldMessage[], notes: Note[]): DeviceEvidence {
  const [userId = ""] = deviceId.split("-");
  const own = messages.map((message) => ({ ...message })); // a test that spoils one copy leaves the others alone
  return { deviceId, userId, notes, storage: { outbox: [], cursors: { [group]: 4, [direct]: 2 }, messages: own } };
}

/** @throws AssertionError if there is none. */
export function find<Item>(items: Item[], isIt: (item: Item) => boolean): Item {
  const found = items.find(isIt);
  assert.ok(found !== undefined);
  return found;
}

export const row = (evidence: Mutable<Evidence>, text: string) =>
  find(evidence.server.messages, (each) => each.text === text);
export const phone = (evidence: Mutable<Evidence>, deviceId: string) =>
  find(evidence.devices, (each) => each.deviceId === deviceId);
export const noteOf = <Kind extends Note["kind"]>(evidence: Mutable<Evidence>, deviceId: string, kind: Kind) =>
  find(phone(evidence, deviceId).notes, (note) => note.kind === kind) as Mutable<Extract<Note, { kind: Kind }>>;

export function remove<Item>(items: Item[], isIt: (item: Item) => boolean): void {
  const index = items.findIndex(isIt);
  assert.ok(index >= 0);
  items.splice(index, 1);
}

/** Takes a message out of the database as if it had never been there. */
export function lose(evidence: Mutable<Evidence>, text: string): void {
  const lost = row(evidence, text);
  remove(evidence.server.messages, (each) => each === lost);
  for (const each of evidence.server.messages) {
    if (each.conversationId === lost.conversationId && each.seq > lost.seq) each.seq -= 1;
  }
  find(evidence.server.conversations, (each) => each.conversationId === lost.conversationId).headSeq -= 1;
}
