import { type FileHandle, mkdir, open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { encodeBatch, journalHeader, readJournal } from "./journal.js";
import { type LockFile, takeLockFile } from "./lock-file.js";
import type { Storage, Write } from "./storage.js";
import { decodeWrites, encodeWrites } from "./storage-record.js";
import { createStorageTable, type StorageTable } from "./storage-table.js";

export type FileStorageOptions = Readonly<{
  /** Made if need be, for this user only (0700). */
  directory: string;
  /** Older messages are dropped; the server still has them. Default: 5,000. */
  messagesPerConversationMax?: number;
}>;

/** A journal is rewritten once it is larger than this, and more than half of it is out of date. */
const compactFromBytes = 1_048_576;
/** Most writes in one batch of a rewritten journal, so that none gets large. */
const snapshotBatchMax = 1_000;

/**
 * Keeps a device in a directory: a journal, replayed at `open`, and a lock that keeps other processes out. A batch is
 * one write to the file, so a killed process leaves it whole or torn, and a torn one is cut off at the next `open`.
 * It is not forced to the disk: after a power failure the last moments may be missing, as after a restored backup.
 */
export function createFileStorage(options: FileStorageOptions): Storage {
  const { directory, messagesPerConversationMax = 5_000 } = options;
  const path = join(directory, "journal");
  let opened: { lock: LockFile; journal: Journal; table: StorageTable } | undefined;

  function use() {
    if (opened === undefined) throw new Error("the storage is not open");
    return opened;
  }

  return {
    async open() {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const lock = await takeLockFile(join(directory, "lock"));
      try {
        const table = createStorageTable({ messagesPerConversationMax });
        const journal = await openJournal(path, table);
        opened = { lock, journal, table };
        return table.snapshot;
      } catch (error) {
        await lock.release();
        throw error;
      }
    },
    async commit(writes) {
      const { journal, table } = use();
      await journal.append(writes);
      for (const write of writes) table.apply(write);
      await journal.compactIfWorthwhile(table);
    },
    async messages(conversationId, beforeSeq, limit) {
      return use().table.messages(conversationId, beforeSeq, limit);
    },
    async close() {
      if (opened === undefined) return;
      const { journal, lock } = opened;
      opened = undefined;
      await journal.close();
      await lock.release();
    },
  };
}

interface Journal {
  append(writes: readonly Write[]): Promise<void>;
  compactIfWorthwhile(table: StorageTable): Promise<void>;
  close(): Promise<void>;
}

async function openJournal(path: string, table: StorageTable): Promise<Journal> {
  const bytes = await readIfExists(path);
  const { payloads, endBytes } = readJournal(bytes);
  for (const payload of payloads) for (const write of decodeWrites(payload)) table.apply(write);
  let file: FileHandle;
  let sizeBytes: number;
  /** How large the journal was when it held nothing out of date. Until that is known, it is worth finding out. */
  let compactBytes = 0;
  if (endBytes < journalHeader.length) await rewrite();
  else {
    file = await open(path, "r+");
    await file.truncate(endBytes);
    sizeBytes = endBytes;
    await compact();
  }

  /** A new file takes the old one's place at once and whole. */
  async function rewrite(): Promise<void> {
    const fresh = await open(`${path}.new`, "w", 0o600);
    sizeBytes = 0;
    for (const part of snapshotOf(table)) {
      await fresh.writeFile(part);
      sizeBytes += part.length;
    }
    await fresh.sync();
    await rename(`${path}.new`, path);
    await file?.close();
    file = fresh;
    compactBytes = sizeBytes;
  }

  async function compact(): Promise<void> {
    if (sizeBytes > compactFromBytes && sizeBytes > compactBytes * 2) await rewrite();
  }

  return {
    async append(writes) {
      const batch = encodeBatch(encodeWrites(writes));
      try {
        const { bytesWritten } = await file.write(batch, 0, batch.length, sizeBytes);
        if (bytesWritten < batch.length) throw new Error("the disk took only a part of a batch");
      } catch (error) {
        await file.truncate(sizeBytes).catch(() => {}); // What cannot be cut off now is a torn tail, and is cut at `open`.
        throw error;
      }
      sizeBytes += batch.length;
    },
    compactIfWorthwhile: compact,
    close: () => file.close(),
  };
}

function* snapshotOf(table: StorageTable): Iterable<Uint8Array> {
  yield journalHeader;
  let batch: Write[] = [];
  for (const write of table.writes()) {
    batch.push(write);
    if (batch.length < snapshotBatchMax) continue;
    yield encodeBatch(encodeWrites(batch));
    batch = [];
  }
  if (batch.length > 0) yield encodeBatch(encodeWrites(batch));
}

async function readIfExists(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return new Uint8Array();
    throw error;
  }
}
