import { decodeClientFrame } from "../../clients/typescript/src/frames.js";
import type { Storage } from "../../clients/typescript/src/storage.js";
import type { Notebook, Pending } from "./note.js";

export type NotedStorageOptions = Readonly<{
  notebook: Notebook;
  onOpened: (cursors: ReadonlyMap<bigint, bigint>) => void;
  onKept: (text: string) => void;
}>;

/** Notes what a storage holds when it is opened, and each message that is in the outbox for sure. */
export function createNotedStorage(storage: Storage, { notebook, onOpened, onKept }: NotedStorageOptions): Storage {
  return {
    ...storage,
    async open() {
      const snapshot = await storage.open();
      const pending = [...snapshot.outbox].map(([clientId, frame]) => toPending(clientId, frame));
      notebook.write({ kind: "opened", cursors: toRecord(snapshot.cursors), pending });
      onOpened(snapshot.cursors);
      return snapshot;
    },
    async commit(writes) {
      await storage.commit(writes);
      for (const write of writes) {
        if (write.kind !== "outbox-put") continue;
        const kept = toPending(write.clientId, write.frame);
        notebook.write({ kind: "kept", ...kept });
        onKept(kept.text);
      }
    },
  };
}

/** As it travels in JSON. */
export function toRecord(seqs: ReadonlyMap<bigint, bigint>): Record<string, number> {
  return Object.fromEntries([...seqs].map(([conversationId, seq]) => [String(conversationId), Number(seq)]));
}

function toPending(clientId: bigint, frame: Uint8Array): Pending {
  const upMsg = decodeClientFrame(frame);
  const body = upMsg.case === "upMsg" ? upMsg.value.content?.body : undefined;
  return { clientId: Number(clientId), text: body?.case === "text" ? body.value.text : "" };
}
