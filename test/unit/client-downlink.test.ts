import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { DeviceWorld } from "../support/device-world.js";
import { conversationId, heads, held, holding, page, push } from "../support/server-says.js";

describe("a device's downlink", () => {
  it("applies the next message, stores it, and tells the app after that", () => {
    const world = new DeviceWorld().login();
    world.say(...push(1));
    const order = world.trace.flatMap((done) => {
      if (done.kind === "message" || done.kind === "cursor") return [done.kind];
      return done.kind === "tell" && done.event.kind === "message" ? ["told"] : [];
    });
    assert.deepEqual(order, ["message", "cursor", "told"]);
    assert.deepEqual(held(world), [1n]);
  });

  it("drops what it holds already, and acknowledges it again", () => {
    const world = holding(3);
    world.say(...push(2));
    assert.deepEqual(world.told("message"), []);
    world.advance(200);
    assert.equal(world.sentOf("ack")[0]?.cursors[0]?.seq, 3n);
  });

  it("waits 300 ms for what was overtaken, and then needs no sync", () => {
    const world = holding(1);
    world.say(...push(3));
    world.advance(299);
    assert.deepEqual(world.sentOf("sync"), []);
    world.say(...push(2));
    assert.deepEqual(held(world), [1n, 2n, 3n]);
    world.advance(5_000);
    assert.deepEqual(world.sentOf("sync"), []);
  });

  it("syncs after 300 ms from the last message before the hole", () => {
    const world = holding(1);
    world.say(...push(4));
    world.advance(300);
    const [sync] = world.sentOf("sync");
    assert.equal(sync?.afterSeq, 1n);
    world.say(page(sync.requestId, [2, 3]));
    assert.deepEqual(held(world), [1n, 2n, 3n, 4n]);
  });

  it("asks again, after a pause, while a page leaves the hole open", () => {
    const world = holding(1);
    world.say(...push(3));
    world.advance(300);
    world.say(page(world.sentOf("sync")[0]?.requestId ?? 0n, [], { headSeq: 1n }));
    assert.deepEqual(world.sentOf("sync"), []);
    world.advance(2_000);
    assert.equal(world.sentOf("sync")[0]?.afterSeq, 1n);
  });

  it("starts an unknown conversation with sync{0}, and skips to the floor of the reset", () => {
    const world = new DeviceWorld().login();
    world.sent();
    world.say(...push(500));
    const [sync] = world.sentOf("sync");
    assert.equal(sync?.afterSeq, 0n);
    const reset = { floorSeq: 497n, headSeq: 500n };
    world.say({ case: "syncPage", value: { requestId: sync.requestId, conversationId, reset } });
    assert.deepEqual(world.told("reset")[0]?.floorSeq, 497n);
    world.sent();
    assert.deepEqual(held(world), []);
    world.advance(200);
    world.say(...push(498, 499));
    assert.deepEqual(held(world), [498n, 499n, 500n]);
  });

  it("asks for what lies between the floor of a reset and the head", () => {
    const world = new DeviceWorld().login();
    world.sent();
    world.say(...push(500));
    const [sync] = world.sentOf("sync");
    const reset = { floorSeq: 497n, headSeq: 500n };
    world.say({ case: "syncPage", value: { requestId: sync?.requestId ?? 0n, conversationId, reset } });
    assert.equal(world.sentOf("sync")[0]?.afterSeq, 497n);
  });

  it("keeps a bounded number of early messages, and fetches the others", () => {
    const world = holding(1);
    world.say(...push(...Array.from({ length: 90 }, (_, index) => index + 3)));
    world.advance(300);
    const [sync] = world.sentOf("sync");
    world.say(page(sync?.requestId ?? 0n, [2], { headSeq: 92n, hasMore: true }));
    assert.deepEqual(held(world).at(-1), 66n);
    assert.equal(world.sentOf("sync")[0]?.afterSeq, 66n);
  });

  it("applies nothing behind a hole within a page", () => {
    const world = holding(1);
    world.say(...push(9));
    world.advance(300);
    world.say(page(world.sentOf("sync")[0]?.requestId ?? 0n, [2, 4]));
    assert.deepEqual(held(world), [1n, 2n]);
  });

  it("ignores a page that nobody waits for", () => {
    const world = holding(1);
    world.say(page(77n, [2]));
    assert.deepEqual(held(world), [1n]);
  });

  it("acknowledges once for many messages, after the delay, up to the last one", () => {
    const world = new DeviceWorld({ random: () => 0.999 }).login();
    world.say(...push(1, 2));
    world.say(...push(3));
    world.advance(190);
    assert.deepEqual(world.sentOf("ack"), []);
    world.advance(10);
    const acks = world.sentOf("ack");
    assert.equal(acks.length, 1);
    assert.deepEqual(
      acks[0]?.cursors.map(({ seq }) => seq),
      [3n],
    );
  });

  it("acknowledges at once after 64 messages, but once per chunk read", () => {
    const world = new DeviceWorld().login();
    world.sent();
    world.say(...push(...Array.from({ length: 63 }, (_, index) => index + 1)));
    assert.deepEqual(world.sentOf("ack"), []);
    world.say(...push(64, 65, 66, 67));
    assert.deepEqual(
      world.sentOf("ack").map(({ cursors }) => cursors[0]?.seq),
      [67n],
    );
  });

  it("acknowledges a message after it is stored", () => {
    const world = new DeviceWorld().login();
    world.sent();
    world.say(...push(1));
    world.advance(200);
    const kinds = world.trace.map(({ kind }) => kind);
    assert.ok(kinds.indexOf("cursor") < kinds.lastIndexOf("transmit"));
    assert.equal(world.sentOf("ack").length, 1);
  });

  it("lets a heartbeat carry what is not yet acknowledged", () => {
    const world = new DeviceWorld({ random: () => 0 });
    world.start();
    world.open();
    world.greet({ ackDelayMs: 60_000, heartbeatIntervalMs: 10_000 });
    world.say(heads([{ id: conversationId, head: 0n }], { requestId: 1n, watermark: 1n }));
    world.advance(5_000);
    world.say(...push(1));
    world.sent();
    world.advance(5_000);
    assert.deepEqual(
      world.sent().map((frame) => frame.case),
      ["heartbeat", "ack"],
    );
  });
});
