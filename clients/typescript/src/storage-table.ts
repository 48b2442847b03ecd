import type { Message } from "../../../gen/ts/tidewire/v1/content_pb.js";
import type { Head } from "../../../gen/ts/tidewire/v1/frame_pb.js";
import { unreachable } from "./errors.js";
import type { Snapshot, Write } from "./storage.js";

/** What a device keeps, in memory. Every storage that has no index of its own builds on it. */
export interface StorageTable {
  readonly snapshot: Snapshot;
  apply(write: Write): void;
  /** As `Storage.messages`. */
  messages(conversationId: bigint, beforeSeq: bigint, limit: number): Message[];
  /** The fewest writes that make an empty table equal to this one. */
  writes(): Iterable<Write>;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** @param options.messagesPerConversationMax Older messages are dropped; the server still has them. */
export function createStorageTable(options: { messagesPerConversationMax: number }): StorageTable {
  const outbox = new Map<bigint, Uint8Array>();
  const heads = new Map<bigint, Head>();
  const cursors = new Map<bigint, bigint>();
  const marks = new Map<bigint, bigint>();
  const logs = new Map<bigint, Message[]>();
  const empty = { deviceId: "", userId: 0n, storeId: "", nextClientId: 1n, watermark: 0n };
  const snapshot: Mutable<Snapshot> = { ...empty, outbox, heads, cursors, marks };

  function append(message: Message): void {
    const log = logs.get(message.conversationId) ?? [];
    logs.set(message.conversationId, log);
    log.push(message);
    // Trimmed in strides: removing from the front of an array costs its length.
    const max = options.messagesPerConversationMax;
    if (log.length > max + Math.max(16, max >> 2)) log.splice(0, log.length - max);
  }

  function forgetConversations(): void {
    for (const map of [heads, cursors, marks, logs]) map.clear();
    snapshot.watermark = 0n;
  }

  function apply(write: Write): void {
    switch (write.kind) {
      case "identity":
        snapshot.deviceId = write.deviceId;
        snapshot.userId = write.userId;
        snapshot.storeId = write.storeId;
        return;
      case "next-client-id":
        snapshot.nextClientId = write.clientId;
        return;
      case "outbox-put":
        outbox.set(write.clientId, write.frame);
        return;
      case "outbox-remove":
        outbox.delete(write.clientId);
        return;
      case "watermark":
        snapshot.watermark = write.watermark;
        return;
      case "head":
        heads.set(write.head.conversationId, write.head);
        return;
      case "cursor":
        cursors.set(write.conversationId, write.seq);
        return;
      case "message":
        return append(write.message);
      case "mark-put":
        marks.set(write.conversationId, write.seq);
        return;
      case "mark-remove":
        marks.delete(write.conversationId);
        return;
      case "forget-conversations":
        return forgetConversations();
      default:
        return unreachable(write);
    }
  }

  function* writes(): Iterable<Write> {
    const { deviceId, userId, storeId, nextClientId, watermark } = snapshot;
    yield { kind: "identity", deviceId, userId, storeId };
    yield { kind: "next-client-id", clientId: nextClientId };
    yield { kind: "watermark", watermark };
    for (const [clientId, frame] of outbox) yield { kind: "outbox-put", clientId, frame };
    for (const head of heads.values()) yield { kind: "head", head };
    for (const [conversationId, seq] of cursors) yield { kind: "cursor", conversationId, seq };
    for (const [conversationId, seq] of marks) yield { kind: "mark-put", conversationId, seq };
    for (const log of logs.values()) {
      for (const message of log.slice(-options.messagesPerConversationMax)) yield { kind: "message", message };
    }
  }

  function messages(conversationId: bigint, beforeSeq: bigint, limit: number): Message[] {
    const log = logs.get(conversationId) ?? [];
    const end = beforeSeq === 0n ? log.length : lowerBound(log, beforeSeq);
    return log.slice(Math.max(0, end - limit), end);
  }

  return { snapshot, apply, messages, writes };
}

/** The index of the first message whose seq is not below `seq`. */
function lowerBound(log: readonly Message[], seq: bigint): number {
  let low = 0;
  let high = log.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((log[middle]?.seq ?? 0n) < seq) low = middle + 1;
    else high = middle;
  }
  return low;
}
