import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import type { Snapshot, Storage, Write } from "../../clients/typescript/src/storage.js";
import { createFileStorage } from "../../clients/typescript/src/storage-file.js";
import { createMemoryStorage } from "../../clients/typescript/src/storage-memory.js";
import { HeadSchema } from "../../gen/ts/tidewire/v1/frame_pb.js";
import { textMessage } from "../support/device-world.js";
import { createZombie } from "../support/zombie.js";

const folders: string[] = [];

async function freshFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "tidewire-client-"));
  folders.push(folder);
  return folder;
}

after(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

const everyKind: Write[] = [
  { kind: "identity", deviceId: "device", userId: 2n ** 63n, storeId: "store" },
  { kind: "outbox-put", clientId: 1n, frame: Uint8Array.of(1, 2, 3) },
  { kind: "outbox-put", clientId: 2n, frame: Uint8Array.of(4) },
  { kind: "outbox-remove", clientId: 1n },
  { kind: "next-client-id", clientId: 3n },
  { kind: "watermark", watermark: 99n },
  { kind: "head", head: create(HeadSchema, { conversationId: 5n, headSeq: 2n, title: "Übung" }) },
  { kind: "cursor", conversationId: 5n, seq: 2n },
  { kind: "message", message: textMessage(1n, { conversationId: 5n, text: "eins" }) },
  { kind: "message", message: textMessage(2n, { conversationId: 5n, text: "zwei" }) },
  { kind: "mark-put", conversationId: 5n, seq: 1n },
  { kind: "mark-put", conversationId: 6n, seq: 1n },
  { kind: "mark-remove", conversationId: 6n },
];

async function using<T>(storage: Storage, use: (snapshot: Snapshot) => Promise<T>): Promise<T> {
  const snapshot = await storage.open();
  try {
    return await use(snapshot);
  } finally {
    await storage.close();
  }
}

const storages = {
  memory: async () => {
    const storage = createMemoryStorage();
    return () => storage;
  },
  file: async () => {
    const directory = await freshFolder();
    return () => createFileStorage({ directory });
  },
};

for (const [name, prepare] of Object.entries(storages)) {
  describe(`the ${name} storage`, () => {
    it("begins empty, with number 1", async () => {
      const storage = (await prepare())();
      await using(storage, async (snapshot) => {
        assert.equal(snapshot.deviceId, "");
        assert.equal(snapshot.nextClientId, 1n);
      });
    });

    it("gives back everything that was committed", async () => {
      const reopen = await prepare();
      const storage = reopen();
      await using(storage, () => storage.commit(everyKind));
      await using(reopen(), async (snapshot) => {
        assert.deepEqual([...snapshot.outbox], [[2n, Uint8Array.of(4)]]);
        assert.equal(snapshot.userId, 2n ** 63n);
        assert.equal(snapshot.nextClientId, 3n);
        assert.equal(snapshot.watermark, 99n);
        assert.equal(snapshot.heads.get(5n)?.title, "Übung");
        assert.deepEqual([...snapshot.cursors], [[5n, 2n]]);
        assert.deepEqual([...snapshot.marks], [[5n, 1n]]);
      });
    });

    it("pages messages backwards", async () => {
      const storage = (await prepare())();
      await using(storage, async () => {
        const messages = Array.from({ length: 30 }, (_, index) => textMessage(BigInt(index + 1)));
        await storage.commit(messages.map((message) => ({ kind: "message", message })));
        const seqsOf = async (beforeSeq: bigint, limit: number) =>
          (await storage.messages(1n, beforeSeq, limit)).map(({ seq }) => seq);
        assert.deepEqual(await seqsOf(0n, 2), [29n, 30n]);
        assert.deepEqual(await seqsOf(29n, 2), [27n, 28n]);
        assert.deepEqual(await seqsOf(2n, 5), [1n]);
        assert.deepEqual(await seqsOf(1n, 5), []);
        assert.deepEqual(await storage.messages(2n, 0n, 5), []);
      });
    });

    it("forgets conversations, and keeps the outbox", async () => {
      const storage = (await prepare())();
      await using(storage, async (snapshot) => {
        await storage.commit([...everyKind, { kind: "forget-conversations" }]);
        assert.equal(snapshot.heads.size + snapshot.cursors.size + snapshot.marks.size, 0);
        assert.equal(snapshot.watermark, 0n);
        assert.equal(snapshot.outbox.size, 1);
        assert.deepEqual(await storage.messages(5n, 0n, 10), []);
      });
    });

    it("is used by one client at a time, and free again after it", async () => {
      const reopen = await prepare();
      const storage = reopen();
      await storage.open();
      await assert.rejects(() => reopen().open(), /in use/);
      await storage.close();
      await using(reopen(), async () => {});
    });
  });
}

describe("the journal of a file storage", () => {
  it("cuts a torn tail at every byte, and keeps all batches before it", async () => {
    const directory = await freshFolder();
    const storage = createFileStorage({ directory });
    await storage.open();
    await storage.commit([{ kind: "next-client-id", clientId: 7n }]);
    const keptBytes = (await stat(join(directory, "journal"))).size;
    await storage.commit([
      { kind: "next-client-id", clientId: 8n },
      { kind: "message", message: textMessage(1n) },
    ]);
    await storage.close();
    const whole = await readFile(join(directory, "journal"));
    for (let bytes = keptBytes; bytes <= whole.length; bytes += 1) {
      await writeFile(join(directory, "journal"), whole.subarray(0, bytes));
      const again = createFileStorage({ directory });
      await using(again, async (snapshot) => {
        const isWhole = bytes === whole.length;
        assert.equal(snapshot.nextClientId, isWhole ? 8n : 7n, `cut at ${bytes}`);
        assert.equal((await again.messages(1n, 0n, 5)).length, isWhole ? 1 : 0, `cut at ${bytes}`);
        await again.commit([{ kind: "watermark", watermark: 5n }]);
      });
      await using(createFileStorage({ directory }), async ({ watermark }) => assert.equal(watermark, 5n));
    }
  });

  it("cuts a tail with any wrong byte in it", async () => {
    const directory = await freshFolder();
    const storage = createFileStorage({ directory });
    await storage.open();
    await storage.commit([{ kind: "next-client-id", clientId: 7n }]);
    const keptBytes = (await stat(join(directory, "journal"))).size;
    await storage.commit([{ kind: "next-client-id", clientId: 8n }]);
    await storage.close();
    const whole = await readFile(join(directory, "journal"));
    for (let offset = keptBytes; offset < whole.length; offset += 1) {
      const damaged = Buffer.from(whole);
      damaged[offset] = (damaged[offset] ?? 0) ^ 0x41;
      await writeFile(join(directory, "journal"), damaged);
      await using(createFileStorage({ directory }), async ({ nextClientId }) => assert.equal(nextClientId, 7n));
    }
  });

  it("leaves a file alone that is not its journal", async () => {
    const directory = await freshFolder();
    await writeFile(join(directory, "journal"), "something else entirely");
    await assert.rejects(() => createFileStorage({ directory }).open(), /not a journal/);
    assert.equal(await readFile(join(directory, "journal"), "utf8"), "something else entirely");
  });

  it("rewrites a journal that is mostly out of date, and loses nothing by it", async () => {
    const directory = await freshFolder();
    const storage = createFileStorage({ directory });
    await storage.open();
    await storage.commit(everyKind);
    const filler = Uint8Array.from({ length: 60_000 });
    for (let clientId = 100n; clientId < 160n; clientId += 1n) {
      await storage.commit([{ kind: "outbox-put", clientId, frame: filler }]);
      await storage.commit([{ kind: "outbox-remove", clientId }]);
    }
    assert.ok((await stat(join(directory, "journal"))).size < 1_300_000);
    await storage.close();
    const again = createFileStorage({ directory });
    await using(again, async (snapshot) => {
      assert.deepEqual([...snapshot.outbox.keys()], [2n]);
      assert.equal((await again.messages(5n, 0n, 10)).length, 2);
      assert.equal(snapshot.heads.get(5n)?.title, "Übung");
    });
  });

  it("keeps a bounded number of messages per conversation", async () => {
    const directory = await freshFolder();
    const storage = createFileStorage({ directory, messagesPerConversationMax: 10 });
    await using(storage, async () => {
      for (let seq = 1n; seq <= 100n; seq += 1n) await storage.commit([{ kind: "message", message: textMessage(seq) }]);
      const messages = await storage.messages(1n, 0n, 1_000);
      assert.ok(messages.length >= 10 && messages.length <= 26);
      assert.equal(messages.at(-1)?.seq, 100n);
    });
  });

  it("can be read by its owner only", async () => {
    const directory = join(await freshFolder(), "profile");
    const storage = createFileStorage({ directory });
    await using(storage, async () => {
      assert.equal((await stat(directory)).mode & 0o777, 0o700);
      assert.equal((await stat(join(directory, "journal"))).mode & 0o777, 0o600);
      assert.equal((await stat(join(directory, "lock"))).mode & 0o777, 0o600);
    });
  });

  it("takes over the lock of a process that is gone, and of one whose number another process has", async () => {
    for (const owner of [
      { pid: 2 ** 22 + 1, startedAt: "1" },
      { pid: process.pid, startedAt: "long ago" },
      { pid: 1, startedAt: "long ago" },
    ]) {
      const directory = await freshFolder();
      await writeFile(join(directory, "lock"), JSON.stringify(owner));
      await using(createFileStorage({ directory }), async () => {});
    }
  });

  it("takes over the lock of a process that was killed, though nobody has waited for it", async () => {
    await using zombie = await createZombie();
    const directory = await freshFolder();
    await writeFile(join(directory, "lock"), JSON.stringify({ pid: zombie.pid, startedAt: zombie.startedAt }));
    await using(createFileStorage({ directory }), async () => {});
  });

  it("takes over a lock that was torn while it was written", async () => {
    const directory = await freshFolder();
    await writeFile(join(directory, "lock"), "");
    await using(createFileStorage({ directory }), async () => {});
  });

  it("respects the lock of another process that lives", async () => {
    const directory = await freshFolder();
    const startedAt = (await readFile(`/proc/${process.ppid}/stat`, "utf8").catch(() => ""))
      .split(") ")[1]
      ?.split(" ")[19];
    await writeFile(join(directory, "lock"), JSON.stringify({ pid: process.ppid, startedAt: startedAt ?? "" }));
    await assert.rejects(() => createFileStorage({ directory }).open(), new RegExp(`process ${process.ppid}`));
  });
});
