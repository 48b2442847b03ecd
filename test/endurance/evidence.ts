import type { Note } from "./note.js";

/** What a run has left behind. Checked when all is quiet. */
export type Evidence = Readonly<{ server: ServerEvidence; devices: readonly DeviceEvidence[] }>;

/** What the database holds, read by SQL. */
export type ServerEvidence = Readonly<{
  conversations: readonly ConversationRow[];
  messages: readonly MessageRow[];
  memberships: readonly MembershipRow[];
  refusals: readonly RefusalRow[];
  devices: readonly DeviceRow[];
}>;

export type ConversationRow = Readonly<{
  conversationId: string;
  headSeq: number;
  /** The two users of a direct conversation. */
  pair: readonly [string, string] | undefined;
}>;

export type MessageRow = Readonly<{
  conversationId: string;
  seq: number;
  messageId: string;
  /** "0": the system. */
  senderId: string;
  device: number;
  clientId: number;
  /** Undefined for an event. */
  text: string | undefined;
}>;

export type MembershipRow = Readonly<{
  conversationId: string;
  userId: string;
  fromSeq: number;
  /** Undefined for who is still a member. */
  toSeq: number | undefined;
  readSeq: number;
}>;

export type RefusalRow = Readonly<{ userId: string; device: number; clientId: number }>;

export type DeviceRow = Readonly<{ userId: string; device: number; deviceId: string; lastClientId: number }>;

/** What a device has noted in all its runs, and what its storage holds in the end. */
export type DeviceEvidence = Readonly<{
  deviceId: string;
  userId: string;
  notes: readonly Note[];
  storage: Readonly<{
    /** The client_ids without an outcome. */
    outbox: readonly number[];
    cursors: Readonly<Record<string, number>>;
    messages: readonly HeldMessage[];
  }>;
}>;

export type HeldMessage = Pick<MessageRow, "conversationId" | "seq" | "messageId" | "text">;
