import assert from "node:assert/strict";
import { once } from "node:events";
import { afterEach, beforeEach, describe, it } from "node:test";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { type WebSocket, WebSocketServer } from "ws";
import { ServerFrameSchema } from "../../gen/ts/tidewire/v1/frame_pb.js";
import { createManualClock } from "../support/clock.js";
import { connectWire, login, type WireOptions } from "../support/wire-client.js";
import { joinFrames } from "../support/wire-framing.js";

type ServerFrameInit = MessageInitShape<typeof ServerFrameSchema>;

function message(...frames: ServerFrameInit[]): Uint8Array {
  return joinFrames(frames.map((frame) => toBinary(ServerFrameSchema, create(ServerFrameSchema, frame))));
}

const push = (seq: bigint): ServerFrameInit => ({ frame: { case: "push", value: { message: { seq } } } });
const loginOk: ServerFrameInit = { frame: { case: "loginOk", value: { device: 3 } } };

describe("the wire client", () => {
  let server: WebSocketServer;
  beforeEach(async () => {
    server = new WebSocketServer({
      host: "127.0.0.1",
      port: 0,
      handleProtocols: (offered) => [...offered][0] ?? false,
    });
    await once(server, "listening");
  });
  afterEach(async () => {
    for (const peer of server.clients) peer.terminate();
    server.close();
    await once(server, "close");
  });

  /** A client and the server's end of its connection. `greet` runs before the client knows that it is connected. */
  async function connect(options: WireOptions = {}, greet: (peer: WebSocket) => void = () => {}) {
    const address = server.address();
    assert.ok(typeof address === "object" && address !== null);
    const peers: WebSocket[] = [];
    server.once("connection", (peer) => {
      peers.push(peer);
      greet(peer);
    });
    const client = await connectWire(`ws://127.0.0.1:${address.port}/ws`, options);
    const [peer] = peers;
    assert.ok(peer);
    return { client, peer };
  }

  it("offers the protocol's name", async () => {
    const { client, peer } = await connect();
    assert.equal(peer.protocol, "tidewire.v1");
    await client.close();
  });

  it("hands out frames by kind, each once, whether they come merged or alone", async () => {
    const { client, peer } = await connect();
    peer.send(message(push(1n), loginOk, push(2n)));
    peer.send(message(push(3n)));
    assert.equal((await client.next("loginOk")).device, 3);
    const seqs = [await client.next("push"), await client.next("push"), await client.next("push")];
    assert.deepEqual(
      seqs.map((frame) => frame.message?.seq),
      [1n, 2n, 3n],
    );
    assert.deepEqual(
      client.frames.map((frame) => frame.frame.case),
      ["push", "loginOk", "push", "push"],
    );
  });

  it("gives frames to those who wait in the order in which they asked", async () => {
    const { client, peer } = await connect();
    const waiting = [client.next("push"), client.next("push")];
    peer.send(message(push(1n), push(2n)));
    const got = await Promise.all(waiting);
    assert.deepEqual(
      got.map((frame) => frame.message?.seq),
      [1n, 2n],
    );
  });

  it("misses no frame that the server sends at once", async () => {
    const { client } = await connect({}, (peer) => peer.send(message(loginOk)));
    assert.equal((await client.next("loginOk")).device, 3);
  });

  it("logs in", async () => {
    const { client, peer } = await connect({}, (end) => end.once("message", () => end.send(message(loginOk))));
    const received = once(peer, "message");
    assert.equal((await login(client, "token", "device")).device, 3);
    assert.ok(String((await received)[0]).includes("token"));
  });

  it("gives up waiting after the timeout, and says what came instead", async () => {
    const clock = createManualClock();
    const { client, peer } = await connect({ clock });
    peer.send(message(push(1n), loginOk));
    await client.next("loginOk");
    const refused = assert.rejects(client.next("upAck", 50), /no upAck came: 50 ms have passed; untaken frames: push/);
    clock.advance(50);
    await refused;
    assert.equal(clock.pending, 0);
  });

  it("tells how the connection ended, also to those who wait", async () => {
    const { client, peer } = await connect();
    const refused = assert.rejects(client.next("upAck"), /the connection has ended with 4502 "replaced"/);
    peer.close(4502, "replaced");
    await refused;
    assert.deepEqual(await client.closed, { code: 4502, reason: "replaced" });
    await assert.rejects(client.next("push"), /the connection has ended with 4502/);
  });

  for (const [name, data, complaint] of [
    ["a text message", "hello", /malformed: the server sent a text message/],
    ["a frame cut off", message(push(1n)).subarray(0, 3), /malformed: the frame at byte 0 has/],
    ["a message of no frame", new Uint8Array(0), /malformed: the message holds no frame/],
  ] as const) {
    it(`ends the connection on ${name}`, async () => {
      const { client, peer } = await connect();
      const refused = assert.rejects(client.next("push"), complaint);
      peer.send(data);
      await refused;
      assert.match((await client.closed).reason, complaint);
    });
  }

  it("cuts the connection without a close frame", async () => {
    const { client, peer } = await connect();
    const closed = once(peer, "close");
    client.terminate();
    assert.equal((await closed)[0], 1006);
  });

  it("sends raw bytes and text as they are", async () => {
    const { client, peer } = await connect();
    const first = once(peer, "message");
    client.sendRaw(Uint8Array.of(1, 2, 3));
    assert.deepEqual(await first, [Buffer.from([1, 2, 3]), true]);
    const second = once(peer, "message");
    client.sendText("hello");
    assert.deepEqual(await second, [Buffer.from("hello"), false]);
  });

  it("reports a server that refuses the connection", async () => {
    server.options.verifyClient = () => false;
    await assert.rejects(connect(), /401/);
  });
});
