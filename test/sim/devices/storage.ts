import { createStorageTable, type StorageTable } from "../../../clients/typescript/src/storage-table.js";

/** More than any run has: no device forgets what it has applied. */
const messagesPerConversationMax = 1_000_000;

export function createDeviceStorage(deviceId: string): StorageTable {
  const table = createStorageTable({ messagesPerConversationMax });
  table.apply({ kind: "identity", deviceId, userId: 0n, storeId: "" });
  return table;
}

/** A copy that later writes do not touch. */
export function copyStorage(table: StorageTable): StorageTable {
  const copy = createStorageTable({ messagesPerConversationMax });
  for (const write of table.writes()) copy.apply(write);
  return copy;
}
