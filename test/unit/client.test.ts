import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Client, type ClientOptions, createClient } from "../../clients/typescript/src/client.js";
import { TidewireClientError } from "../../clients/typescript/src/errors.js";
import type { Storage } from "../../clients/typescript/src/storage.js";
import { createMemoryStorage } from "../../clients/typescript/src/storage-memory.js";
import type { Message } from "../../gen/ts/tidewire/v1/content_pb.js";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { createManualClock } from "../support/clock.js";
import { createFakeNetwork } from "../support/fake-socket.js";

async function world(options: Partial<ClientOptions> = {}) {
  const network = createFakeNetwork();
  const clock = createManualClock();
  const storage = options.storage ?? createMemoryStorage();
  const common = { url: "ws://tidewire.test/ws", token: () => "user 1", webSocket: network.webSocket, clock };
  const open = (more: Partial<ClientOptions> = {}) =>
    createClient({ ...common, storage, random: () => 0.5, ...options, ...more });
  const client = await open();
  return { network, clock, storage, client, open };
}

/** Lets everything happen that does not wait for a timer. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 30; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

function textOf(message: Message): string {
  return message.content?.body.case === "text" ? message.content.body.value.text : "";
}

async function read(client: Client, count: number): Promise<string[]> {
  const texts: string[] = [];
  for await (const message of client.messages()) {
    texts.push(textOf(message));
    if (texts.length === count) break;
  }
  return texts;
}

describe("a client", () => {
  it("resolves `stored` with the place in the log", async () => {
    const { client } = await world();
    client.start();
    const sent = client.send(1n, { text: "hello" });
    assert.equal(sent.clientId, 1n);
    const stored = await sent.stored;
    assert.equal(stored.seq, 1n);
    assert.equal(client.pending().length, 0);
    await client.close();
  });

  it("gives every applied message to every reader, in order", async () => {
    const { client, network } = await world();
    client.start();
    await settle();
    const readers = Promise.all([read(client, 3), read(client, 3)]);
    await settle();
    for (const text of ["one", "two", "three"]) network.server.append(1n, text);
    assert.deepEqual(await readers, [
      ["one", "two", "three"],
      ["one", "two", "three"],
    ]);
    await client.close();
  });

  it("keeps what is sent while there is no connection, and sends it once there is one", async () => {
    const { client, network, clock } = await world();
    network.setDown(true);
    client.start();
    const { stored } = client.send(1n, { text: "patience" });
    await settle();
    assert.equal(client.connection.state, "waiting");
    network.setDown(false);
    clock.advance(30_000);
    assert.equal((await stored).seq, 1n);
    await client.close();
  });

  it("lists conversations and what it holds of their logs", async () => {
    const { client, network } = await world();
    for (const text of ["one", "two"]) network.server.append(1n, text);
    network.server.append(2n, "other");
    client.start();
    await settle();
    assert.deepEqual(
      client.conversations().map(({ conversationId, unread }) => [conversationId, unread]),
      [
        [2n, 1],
        [1n, 2],
      ],
    );
    assert.deepEqual((await client.history(1n)).map(textOf), ["one", "two"]);
    client.markRead(1n, 1n);
    await settle();
    assert.equal(client.conversations().find(({ conversationId }) => conversationId === 1n)?.unread, 1);
    await client.close();
  });

  it("does not show a gap in a history as if nothing were missing", async () => {
    const storage = createMemoryStorage();
    const { client, network } = await world({ storage });
    for (const text of ["one", "two"]) network.server.append(1n, text);
    client.start();
    await settle();
    network.cut(4999);
    for (let number = 3; number <= 9; number += 1) network.server.append(1n, String(number));
    network.server.expire(1n, 6n);
    client.start();
    await settle();
    assert.deepEqual((await client.history(1n)).map(textOf), ["7", "8", "9"]);
    await client.close();
  });

  it("rejects what was not stored when it is closed, and sends it at the next start", async () => {
    const { client, open } = await world();
    const { stored } = client.send(1n, { text: "unsent" });
    await client.close();
    await assert.rejects(stored, (error) => error instanceof TidewireClientError && /outbox/.test(error.advice));
    const next = await open();
    assert.equal(next.pending().length, 1);
    next.start();
    await settle();
    assert.equal(next.pending().length, 0);
    assert.deepEqual((await next.history(1n)).map(textOf), ["unsent"]);
    await next.close();
  });

  it("rejects what no server would take", async () => {
    const { client } = await world();
    const { stored } = client.send(1n, { text: "x".repeat(20_000) });
    await assert.rejects(stored, { code: ErrorCode.CONTENT_TOO_LARGE });
    await client.close();
  });

  it("is silent about rejections that nobody looks at", async () => {
    const { client } = await world();
    client.send(1n, { text: "x".repeat(20_000) });
    await settle();
    await client.close();
  });

  it("ends its readers, its timers and its use of the storage when closed", async () => {
    const { client, clock, storage } = await world();
    client.start();
    await settle();
    const reader = read(client, 1);
    const events = client.events();
    await client.close();
    await client.close();
    assert.deepEqual(await reader, []);
    for await (const event of events) assert.equal(event.kind, "connection");
    assert.equal(clock.pending, 0);
    await storage.open();
    await assert.rejects(client.send(1n, { text: "late" }).stored, /closed/);
  });

  it("asks for a token again for each connection, and ends when the app says that there is none", async () => {
    let asked = 0;
    const token = () => {
      asked += 1;
      if (asked > 1) throw new TidewireClientError(ErrorCode.UNAUTHENTICATED, "Log in again.");
      return "user 1";
    };
    const { client, network, clock } = await world({ token });
    client.start();
    await settle();
    network.cut();
    await settle();
    clock.advance(1_000);
    await settle();
    assert.deepEqual(client.connection, { state: "closed", reason: { code: 0, advice: "Log in again." } });
    await client.close();
  });

  it("stops, and neither sends nor acknowledges, when its storage fails", async () => {
    const memory = createMemoryStorage();
    let isFull = false;
    const storage: Storage = {
      ...memory,
      async commit(writes) {
        if (isFull) throw new Error("no space left");
        await memory.commit(writes);
      },
    };
    const { client, network } = await world({ storage });
    client.start();
    await settle();
    isFull = true;
    const { stored } = client.send(1n, { text: "nowhere to keep this" });
    await assert.rejects(stored, /no space left/);
    await settle();
    assert.equal(client.connection.state, "closed");
    assert.deepEqual(network.server.log(1n), []);
    await client.close();
  });

  it("refuses an address that is no WebSocket URL, and a storage that belongs to another device", async () => {
    await assert.rejects(() => world({ url: "http://tidewire.test" }), /not a WebSocket URL/);
    const { client, open } = await world({ deviceId: "one" });
    await client.close();
    await assert.rejects(() => open({ deviceId: "two" }), /another device/);
    await (await open({ deviceId: "one" })).close();
  });

  it("lets listeners act without upsetting the order of things", async () => {
    const { client, network } = await world();
    client.on((event) => {
      if (event.kind === "message" && textOf(event.message) === "ping") client.send(1n, { text: "pong" });
    });
    client.start();
    await settle();
    network.server.append(1n, "ping");
    await settle();
    assert.deepEqual(network.server.log(1n).map(textOf), ["ping", "pong"]);
    await client.close();
  });
});
