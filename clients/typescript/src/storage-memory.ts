import type { Storage } from "./storage.js";
import { createStorageTable } from "./storage-table.js";

/** Keeps everything until the process ends. For tests, and for devices that need not remember. */
export function createMemoryStorage(options: { messagesPerConversationMax?: number } = {}): Storage {
  const table = createStorageTable({ messagesPerConversationMax: options.messagesPerConversationMax ?? 5_000 });
  let inUse = false;
  return {
    async open() {
      if (inUse) throw new Error("this storage is in use by another client");
      inUse = true;
      return table.snapshot;
    },
    async commit(writes) {
      for (const write of writes) table.apply(write);
    },
    async messages(conversationId, beforeSeq, limit) {
      return table.messages(conversationId, beforeSeq, limit);
    },
    async close() {
      inUse = false;
    },
  };
}
