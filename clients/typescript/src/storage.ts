import type { Message } from "../../../gen/ts/tidewire/v1/content_pb.js";
import type { Head } from "../../../gen/ts/tidewire/v1/frame_pb.js";

/** One change of what a device keeps. */
export type Write =
  /** Who this device is, and which store it knows. `userId` is 0 and `storeId` empty before the first login. */
  | { kind: "identity"; deviceId: string; userId: bigint; storeId: string }
  /** The number that the next message gets. */
  | { kind: "next-client-id"; clientId: bigint }
  /** A message without an outcome: its `up_msg` frame, encoded, with its length prefix. */
  | { kind: "outbox-put"; clientId: bigint; frame: Uint8Array }
  | { kind: "outbox-remove"; clientId: bigint }
  /** The server's word on "changed since". */
  | { kind: "watermark"; watermark: bigint }
  | { kind: "head"; head: Head }
  /** Up to where this device holds a conversation. */
  | { kind: "cursor"; conversationId: bigint; seq: bigint }
  | { kind: "message"; message: Message }
  /** A read mark that the server has not confirmed yet. */
  | { kind: "mark-put"; conversationId: bigint; seq: bigint }
  | { kind: "mark-remove"; conversationId: bigint }
  /** Forgets every conversation: heads, cursors, messages, read marks and the watermark. The outbox stays. */
  | { kind: "forget-conversations" };

/** What a device keeps, but for the messages. */
export type Snapshot = Readonly<{
  /** Empty: the storage is new. */
  deviceId: string;
  userId: bigint;
  storeId: string;
  nextClientId: bigint;
  watermark: bigint;
  /** By rising client_id. */
  outbox: ReadonlyMap<bigint, Uint8Array>;
  heads: ReadonlyMap<bigint, Head>;
  cursors: ReadonlyMap<bigint, bigint>;
  marks: ReadonlyMap<bigint, bigint>;
}>;

/** Where a device keeps its outbox, cursors and messages. One client uses it at a time. */
export interface Storage {
  /** Reads all but the messages. Called once, first. Rejects if another client uses the same storage. */
  open(): Promise<Snapshot>;
  /**
   * Makes all of `writes` durable, or none of them, even if the process is killed meanwhile. Calls do not overlap.
   * Rejects if it cannot; then the client stops, because it may neither send nor acknowledge what is not stored.
   */
  commit(writes: readonly Write[]): Promise<void>;
  /** The messages with a seq below `beforeSeq` (0: the last ones), at most `limit`, by rising seq. */
  messages(conversationId: bigint, beforeSeq: bigint, limit: number): Promise<Message[]>;
  /** Releases what `open` took. */
  close(): Promise<void>;
}
