import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, connect as dial, type Socket } from "node:net";
import { describe, it } from "node:test";
import { createTcpProxy } from "../endurance/tcp-proxy.js";
import { createManualClock } from "../support/clock.js";
import { seededRandom } from "../support/device-world.js";

/** A server that a test plays, a proxy before it, and connections through both. */
async function openWorld() {
  const accepted: Socket[] = [];
  const server = createServer((socket) => accepted.push(watch(socket)));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port: targetPort } = server.address() as { port: number };
  const clock = createManualClock();
  const proxy = await createTcpProxy({ targetPort, clock, random: seededRandom(7) });
  return {
    clock,
    proxy,
    /** A connection that has said "hello", as each side has it. */
    async connect(): Promise<{ device: Socket; server: Socket }> {
      const device = watch(dial({ host: "127.0.0.1", port: proxy.port }));
      device.write("hello");
      if (accepted.length === 0) await once(server, "connection");
      const served = accepted.pop() as Socket;
      await untilHeard(served, "hello");
      return { device, server: served };
    },
    dial: () => watch(dial({ host: "127.0.0.1", port: proxy.port })),
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      server.close();
    },
  };
}

const heard = new WeakMap<Socket, string>();

/** Keeps what the socket hears, and lets no error of it end the process. */
function watch(socket: Socket): Socket {
  heard.set(socket, "");
  socket.on("data", (bytes) => heard.set(socket, heard.get(socket) + bytes.toString()));
  return socket.on("error", () => {});
}

async function untilHeard(socket: Socket, text: string): Promise<void> {
  while (!heard.get(socket)?.endsWith(text)) await once(socket, "data");
}

/** Resolves when the connection is gone, with the code of the error it went with. */
function gone(socket: Socket): Promise<string | undefined> {
  return new Promise((resolve) => {
    let code: string | undefined;
    socket.on("error", (error: NodeJS.ErrnoException) => {
      code = error.code;
    });
    socket.on("close", () => resolve(code));
  });
}

describe("a proxy", () => {
  it("passes bytes and ends both ways", async () => {
    await using world = await openWorld();
    const { device, server } = await world.connect();
    server.end("welcome");
    await untilHeard(device, "welcome");
    await once(device, "close");
    await once(server, "close");
    assert.equal(world.proxy.connections, 0);
  });

  it("lets a part through, then resets both sides", async () => {
    await using world = await openWorld();
    const { device, server } = await world.connect();
    world.proxy.truncate("down", 4);
    const ends = Promise.all([gone(device), gone(server)]);
    server.write("welcome");
    await ends;
    assert.equal(heard.get(device), "welc");
  });

  it("resets what is open, on both sides", async () => {
    await using world = await openWorld();
    const { device, server } = await world.connect();
    const ends = Promise.all([gone(device), gone(server)]);
    world.proxy.reset();
    assert.deepEqual(await ends, ["ECONNRESET", "ECONNRESET"]);
    await world.connect();
  });

  it("refuses until it is told otherwise", async () => {
    await using world = await openWorld();
    const refusal = world.proxy.refuse();
    assert.equal(await gone(world.dial()), "ECONNRESET");
    refusal[Symbol.dispose]();
    await world.connect();
  });

  it("silences one direction of what is open, and nothing that comes later", async () => {
    await using world = await openWorld();
    const silent = await world.connect();
    const halfOpen = world.proxy.halfOpen(["up"]);
    silent.device.write("unheard");
    silent.server.write("down still works");
    await untilHeard(silent.device, "down still works");
    await world.connect();
    assert.equal(heard.get(silent.server), "hello");
    halfOpen.resume();
    await untilHeard(silent.server, "unheard");
  });

  it("tells the server of nothing while up is silent, and in the end of everything, in order", async () => {
    await using world = await openWorld();
    const { device, server } = await world.connect();
    const halfOpen = world.proxy.halfOpen(["up", "down"]);
    device.write("last words");
    device.destroy();
    await once(device, "close");
    server.write("into the void");
    await world.connect();
    assert.deepEqual([heard.get(server), server.destroyed], ["hello", false]);
    const end = gone(server);
    halfOpen.resume();
    await end;
    assert.equal(heard.get(server), "hellolast words");
  });

  it("ends a silence by a reset", async () => {
    await using world = await openWorld();
    const { device, server } = await world.connect();
    const halfOpen = world.proxy.halfOpen(["down"]);
    const ends = Promise.all([gone(device), gone(server)]);
    halfOpen.reset();
    assert.deepEqual(await ends, ["ECONNRESET", "ECONNRESET"]);
  });

  it("delays by what all causes add up to, and by nothing once they are gone", async () => {
    await using world = await openWorld();
    const { device, server } = await world.connect();
    const delays = [world.proxy.delay(300, 0), world.proxy.delay(200, 0)];
    device.write("later");
    while (world.clock.pending === 0) await turn();
    world.clock.advance(499);
    await turn();
    assert.equal(heard.get(server), "hello");
    world.clock.advance(1);
    await untilHeard(server, "later");
    for (const delay of delays) delay[Symbol.dispose]();
    device.write("now");
    await untilHeard(server, "now");
  });

  it("loses nothing of what it slices", async () => {
    await using world = await openWorld();
    const { device, server } = await world.connect();
    using _slicing = world.proxy.slice(5);
    const text = "0123456789".repeat(100);
    device.write(`${text}.`);
    await untilHeard(server, ".");
    assert.equal(heard.get(server), `hello${text}.`);
  });

  it("makes a sender wait once it holds a mebibyte", async () => {
    await using world = await openWorld();
    const { device, server } = await world.connect();
    const halfOpen = world.proxy.halfOpen(["up"]);
    const large = Buffer.alloc(32 * 1_048_576, "x");
    let isTaken = false;
    device.end(large, () => {
      isTaken = true;
    });
    await turns(20_000);
    assert.equal(isTaken, false);
    halfOpen.resume();
    await once(server, "end");
    assert.equal(heard.get(server)?.length, "hello".length + large.length);
  });
});

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

async function turns(count: number): Promise<void> {
  for (let passed = 0; passed < count; passed += 1) await turn();
}
