import type { Message } from "../../../gen/ts/tidewire/v1/content_pb.js";

/** How a world ended, for those who judge it. Times as in `History`. */
export type WorldFacts = Readonly<{
  /** When the last fault had ended and whatever was down was up again. */
  healedAtMs: number;
  /** When `devices` was taken: at least `convergenceMs` later. */
  checkedAtMs: number;
  devices: readonly DeviceFacts[];
  /** Taken after all devices had gone and everything had had time to idle out. */
  sizes: readonly SizeFact[];
}>;

/** Within this time after the last fault everything is where it belongs, in milliseconds. */
export const convergenceMs = 60_000;

/** A device, and what its storage holds. */
export type DeviceFacts = Readonly<{
  deviceId: string;
  userId: bigint;
  /** `online`: it ran and had a network and a valid token all the time since the world was healed. */
  presence: "online" | "away";
  /** Texts of the messages without an outcome. */
  outbox: readonly string[];
  cursors: ReadonlyMap<bigint, bigint>;
  /** What is stored of a conversation, by rising seq. */
  messagesOf(conversationId: bigint): readonly Message[];
}>;

/** How much of something there was, and how much there may be: its baseline, or its cap. */
export type SizeFact = Readonly<{ subject: string; what: string; measured: number; max: number }>;
