import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { inflateRawSync } from "node:zlib";
import { fromBinary } from "@bufbuild/protobuf";
import { WebSocket } from "ws";
import { createClient } from "../../clients/typescript/src/client.js";
import type { WebSocketConstructor } from "../../clients/typescript/src/shell.js";
import { createMemoryStorage } from "../../clients/typescript/src/storage-memory.js";
import type { Message } from "../../gen/ts/tidewire/v1/content_pb.js";
import { Compression, SyncPageSchema } from "../../gen/ts/tidewire/v1/frame_pb.js";
import type { Config } from "../../runtime/config.js";
import { sharedPostgres } from "../support/postgres.js";
import { startTestServer, type TestServer, type TestUser } from "../support/server.js";
import { connectWire, type WireClient } from "../support/wire-client.js";

const saidCount = 120;
/** And the entry that begins the group. */
const entryCount = saidCount + 1;

const stores: Record<string, () => Promise<Partial<Config>>> = {
  "the embedded database": async () => ({}),
  "threads of the services": async () => ({
    databaseUrl: await (await sharedPostgres()).createDatabase(),
    serviceThreads: 2,
  }),
};

for (const [store, settings] of Object.entries(stores)) {
  describe(`a sync page, with ${store},`, { timeout: 60_000 }, () => {
    let server: TestServer;
    let ann: TestUser;
    let conversationId: bigint;
    before(async () => {
      server = await startTestServer({ ...(await settings()), syncRatePerSecond: 1_000 });
      ann = await server.register("ann");
      const { group, message } = server.api(ann.token);
      const created = await group.createGroup({ title: "Crew", userIds: [] });
      conversationId = created.group?.conversationId ?? 0n;
      for (let count = 0; count < saidCount; count++) {
        const text = `The ${count}th thing that ann has to say, and it is not very short.`;
        const target = { case: "conversationId", value: conversationId } as const;
        const content = { body: { case: "text", value: { text } } } as const;
        await message.send({ idempotencyKey: `key-${count}`, target, content });
      }
    });
    after(() => server[Symbol.asyncDispose]());

    async function connectOffering(deviceId: string, ...compressions: Compression[]): Promise<WireClient> {
      const client = await connectWire(server.webSocketUrl);
      client.send({ frame: { case: "login", value: { token: ann.token, deviceId, compressions } } });
      await client.next("loginOk");
      return client;
    }

    async function askFor(client: WireClient, requestId: bigint) {
      client.send({ frame: { case: "sync", value: { requestId, conversationId, afterSeq: 0n } } });
      return client.next("syncPage");
    }

    async function readMetric(name: string): Promise<number> {
      const text = await (await fetch(server.metricsUrl)).text();
      return Number(
        text
          .split("\n")
          .find((line) => line.startsWith(`${name} `))
          ?.split(" ")[1] ?? 0,
      );
    }
    const countPacked = () => readMetric('tidewire_pages_packed_total{outcome="packed"}');

    it("says the same, packed and not", async () => {
      const packing = await connectOffering("packing", Compression.DEFLATE);
      const plain = await connectOffering("plain");
      const page = await askFor(plain, 7n);
      assert.deepEqual([page.messages.length, page.packed, await countPacked()], [entryCount, undefined, 0]);
      const { packed, ...rest } = await askFor(packing, 7n);
      assert.ok(packed && packed.bytes.length < packed.unpackedBytes / 2);
      assert.deepEqual([rest.requestId, rest.messages, rest.headSeq], [7n, [], 0n]);
      const unpacked = fromBinary(SyncPageSchema, new Uint8Array(inflateRawSync(packed.bytes)));
      assert.deepEqual({ ...unpacked, requestId: 7n }, page);
      assert.equal(await countPacked(), 1);
      const when = (word: string) => readMetric(`tidewire_packed_bytes_total{when="${word}"}`);
      assert.equal(await when("before"), packed.unpackedBytes);
      assert.ok((await when("after")) < packed.unpackedBytes / 2);
      await Promise.all([packing.close(), plain.close()]);
    });

    it("is packed for whoever wants it so, however many ask at once", async () => {
      const offers = [[Compression.DEFLATE], [], [Compression.DEFLATE], []] as const;
      const devices = await Promise.all(offers.map((offer, index) => connectOffering(`device-${index}`, ...offer)));
      for (let requestId = 1n; requestId <= 5n; requestId++) {
        const pages = await Promise.all(devices.map((device) => askFor(device, requestId)));
        assert.deepEqual(
          pages.map(({ packed }) => packed !== undefined),
          [true, false, true, false],
        );
      }
      for (const device of devices) await device.close();
    });

    /** What the shipped client makes of the log, as a new device. */
    async function readWithClient(deviceId: string): Promise<Message[]> {
      const client = await createClient({
        ...{ url: server.webSocketUrl, token: ann.token, storage: createMemoryStorage(), deviceId },
        webSocket: WebSocket as unknown as WebSocketConstructor,
      });
      const messages: Message[] = [];
      const incoming = client.messages();
      client.start();
      for await (const message of incoming) {
        if (message.conversationId === conversationId) messages.push(message);
        if (messages.length === entryCount) break;
      }
      await client.close();
      return messages;
    }

    it("brings a client that offers to unpack the same messages as one that does not", async () => {
      const before = await countPacked();
      const unpacked = await readWithClient("client-1");
      assert.equal(await countPacked(), before + 1);
      const { DecompressionStream: own } = globalThis;
      Reflect.deleteProperty(globalThis, "DecompressionStream");
      const plain = await readWithClient("client-2").finally(() =>
        Object.assign(globalThis, { DecompressionStream: own }),
      );
      assert.equal(await countPacked(), before + 1);
      assert.deepEqual(unpacked, plain);
      assert.deepEqual(
        plain.map(({ seq }) => seq),
        Array.from({ length: entryCount }, (_, index) => BigInt(index + 1)),
      );
    });
  });
}
