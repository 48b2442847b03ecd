import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { NackReason } from "../../gen/ts/tidewire/v1/frame_pb.js";
import { DeviceWorld, me, pushOf, seededRandom, textMessage } from "../support/device-world.js";

function ids(world: DeviceWorld): bigint[] {
  return world.sentOf("upMsg").map((upMsg) => upMsg.clientId);
}

function sendMany(world: DeviceWorld, count: number, text = "hi"): void {
  for (let index = 0; index < count; index += 1) world.send(text);
}

function ack(clientId: bigint, seq = clientId) {
  const stored = { conversationId: 1n, seq, messageId: seq };
  return { case: "upAck" as const, value: { clientId, outcome: { case: "stored" as const, value: stored } } };
}

function nack(expected: bigint, reason: NackReason, retryAfterMs = 0) {
  return { case: "upNack" as const, value: { expected, reason, retryAfterMs } };
}

/** The device's own message, as the server pushes it. */
function ownPush(clientId: bigint, text = "hi", seq = clientId) {
  const fields = { senderId: me.userId, senderDevice: me.device, clientId, text };
  return pushOf(textMessage(seq, fields));
}

describe("a device's uplink", () => {
  it("numbers messages 1, 2, 3 and stores each before it leaves", () => {
    const world = new DeviceWorld().login();
    world.sent();
    world.send("one");
    world.send("two");
    const kinds = world.trace.map((done) => done.kind).filter((kind) => kind === "outbox-put" || kind === "transmit");
    assert.deepEqual(kinds, ["outbox-put", "transmit", "outbox-put", "transmit"]);
    assert.deepEqual(ids(world), [1n, 2n]);
  });

  it("keeps messages that are sent before login, and sends them after it, in order", () => {
    const world = new DeviceWorld();
    sendMany(world, 3);
    assert.deepEqual(ids(world), []);
    world.login();
    assert.deepEqual(ids(world), [1n, 2n, 3n]);
  });

  it("has at most 32 messages in flight, and fills up as outcomes arrive", () => {
    const world = new DeviceWorld().login();
    sendMany(world, 40);
    assert.equal(ids(world).length, 32);
    world.say(ack(1n), ack(2n));
    assert.deepEqual(ids(world), [33n, 34n]);
  });

  it("has at most 64 KiB in flight, but always one message", () => {
    const world = new DeviceWorld().login({ limits: { contentMaxBytes: 60_000, inFlightMaxBytes: 20_000 } });
    sendMany(world, 3, "x".repeat(30_000));
    assert.deepEqual(ids(world), [1n]);
    world.say(ack(1n));
    assert.deepEqual(ids(world), [2n]);
  });

  it("retransmits what is unanswered after 1 s, doubling, with jitter on top", () => {
    const world = new DeviceWorld({ random: () => 0 }).login();
    world.send("hi");
    world.sent();
    for (const delayMs of [1_000, 2_000, 4_000]) {
      world.advance(delayMs - 1);
      assert.deepEqual(ids(world), []);
      world.advance(1);
      assert.deepEqual(ids(world), [1n]);
    }
    const jittered = new DeviceWorld({ random: () => 0.999 }).login();
    jittered.send("hi");
    jittered.sent();
    jittered.advance(1_200);
    assert.deepEqual(ids(jittered), []);
    jittered.advance(50);
    assert.deepEqual(ids(jittered), [1n]);
  });

  it("begins at 1 s again once an outcome has arrived", () => {
    const world = new DeviceWorld({ random: () => 0 }).login();
    sendMany(world, 2);
    world.advance(3_000);
    world.sent();
    world.say(ack(1n));
    world.advance(1_000);
    assert.deepEqual(ids(world), [2n]);
  });

  it("settles a message by its up_ack", () => {
    const world = new DeviceWorld().login();
    world.send("hi");
    world.say(ack(1n, 5n));
    assert.equal(world.table.snapshot.outbox.size, 0);
    assert.equal(world.told("stored")[0]?.stored.seq, 5n);
  });

  it("settles a message by its own push", () => {
    const world = new DeviceWorld().login();
    world.send("hi");
    world.say(ownPush(1n));
    assert.equal(world.table.snapshot.outbox.size, 0);
    assert.equal(world.told("stored")[0]?.stored.seq, 1n);
  });

  it("settles a message once when up_ack and push both arrive, in either order", () => {
    for (const frames of [
      [ack(1n), ownPush(1n)],
      [ownPush(1n), ack(1n)],
    ]) {
      const world = new DeviceWorld().login();
      world.send("hi");
      world.say(...frames);
      assert.equal(world.told("stored").length, 1);
    }
  });

  it("does not take another device's message, or another content under its number, for its own", () => {
    const world = new DeviceWorld().login();
    world.send("hi");
    world.say(pushOf(textMessage(1n, { senderId: me.userId, senderDevice: me.device + 1, clientId: 1n, text: "hi" })));
    world.say(pushOf(textMessage(2n, { senderId: me.userId + 1n, senderDevice: me.device, clientId: 1n, text: "hi" })));
    world.say(ownPush(1n, "something else", 3n));
    assert.deepEqual(world.told("stored"), []);
    assert.equal(world.table.snapshot.outbox.size, 1);
  });

  it("reports a refusal with its code and forgets the message", () => {
    const world = new DeviceWorld().login();
    world.send("hi");
    world.say({ case: "upAck", value: { clientId: 1n, outcome: { case: "refused", value: ErrorCode.NOT_A_MEMBER } } });
    assert.equal(world.table.snapshot.outbox.size, 0);
    assert.equal(world.told("refused")[0]?.code, ErrorCode.NOT_A_MEMBER);
  });

  it("sends again from the number that fills a hole", () => {
    const world = new DeviceWorld().login();
    sendMany(world, 4);
    world.sent();
    world.say(nack(2n, NackReason.HOLE));
    assert.deepEqual(ids(world), [2n, 3n, 4n]);
  });

  it("answers the same hole once, and leaves repeats to the timer", () => {
    const world = new DeviceWorld({ random: () => 0 }).login();
    sendMany(world, 2);
    world.sent();
    world.say(nack(1n, NackReason.HOLE));
    world.sent();
    world.say(nack(1n, NackReason.HOLE));
    assert.deepEqual(ids(world), []);
    world.advance(1_000);
    assert.deepEqual(ids(world), [1n, 2n]);
  });

  it("logs in anew when the gateway waits for a number that has been settled", () => {
    const world = new DeviceWorld().login();
    world.send("hi");
    world.say(ownPush(1n));
    world.say(nack(1n, NackReason.HOLE));
    assert.equal(world.core.connection.state, "waiting");
  });

  it("logs in anew when a push alone has settled what the gateway said it waits for, and then it falls silent", () => {
    const world = new DeviceWorld({ random: () => 0 }).login();
    sendMany(world, 2);
    world.say(nack(1n, NackReason.BUSY, 300));
    world.say(ownPush(1n));
    world.advance(300);
    assert.equal(world.core.connection.state, "ready");
    world.advance(1_000);
    assert.notEqual(world.core.connection.state, "ready");
  });

  it("waits as long as a busy or strict server asks, then goes on from the same number", () => {
    for (const reason of [NackReason.BUSY, NackReason.RATE]) {
      const world = new DeviceWorld({ random: () => 0 }).login();
      sendMany(world, 2);
      world.sent();
      world.say(nack(1n, reason, 2_500));
      sendMany(world, 1);
      world.advance(2_499);
      assert.deepEqual(ids(world), []);
      world.advance(1);
      assert.deepEqual(ids(world), [1n, 2n, 3n]);
    }
  });

  it("sends the outbox of an earlier run again after a restart", () => {
    const world = new DeviceWorld().login();
    sendMany(world, 2);
    world.restart();
    world.login({ lastClientId: 0n });
    assert.deepEqual(ids(world), [1n, 2n]);
    assert.equal(world.send("third"), 3n);
  });

  it("settles what the server may know first, alone, and then goes on", () => {
    const world = new DeviceWorld();
    sendMany(world, 3);
    world.login({ lastClientId: 2n });
    assert.deepEqual(ids(world), [1n, 2n]);
    world.say(ack(1n), ack(2n));
    assert.deepEqual(ids(world), [3n]);
  });

  it("gives conflicting messages and all later ones new numbers from last_client_id + 1, in their old order", () => {
    const world = new DeviceWorld();
    for (const text of ["one", "two", "three"]) world.send(text);
    world.login({ lastClientId: 7n });
    world.sent();
    world.say(ack(2n), nack(1n, NackReason.CONFLICT), nack(3n, NackReason.CONFLICT));
    const again = world.sentOf("upMsg").map(({ clientId, content }) => [clientId, content?.body.value]);
    assert.deepEqual(
      again.map(([clientId]) => clientId),
      [8n, 9n],
    );
    assert.deepEqual([...world.table.snapshot.outbox.keys()], [8n, 9n]);
    assert.equal(world.table.snapshot.nextClientId, 10n);
    assert.equal(world.core.pending()[0]?.content?.body.case, "text");
    assert.match(JSON.stringify(world.core.pending()[0]?.content), /one/);
  });

  it("asks again a second after a conflict for what was not answered, however often it has asked before", () => {
    const world = new DeviceWorld();
    sendMany(world, 9);
    world.login({ lastClientId: 9n });
    for (let clientId = 1n; clientId < 9n; clientId++) {
      world.sent();
      world.say(nack(clientId, NackReason.CONFLICT)); // the server's rate lets through one at a time
      world.advance(1_250);
      assert.deepEqual(ids(world)[0], clientId + 1n);
    }
  });

  it("tells the app which numbers changed", () => {
    const world = new DeviceWorld();
    sendMany(world, 2);
    world.login({ lastClientId: 2n });
    world.say(nack(1n, NackReason.CONFLICT), nack(2n, NackReason.CONFLICT));
    assert.deepEqual(
      world.told("renumbered").flatMap((event) => [...event.moves]),
      [
        { from: 1n, to: 3n },
        { from: 2n, to: 4n },
      ],
    );
  });

  it("renumbers down where the server knows less than the device", () => {
    const world = new DeviceWorld().login();
    sendMany(world, 2);
    world.say(ack(1n), ack(2n));
    sendMany(world, 2);
    world.hangUp();
    world.advance(1_000);
    world.giveToken("token");
    world.open();
    world.sent();
    world.greet({ lastClientId: 0n, storeId: "store-2" });
    assert.deepEqual(ids(world), [1n, 2n]);
  });

  it("refuses content over the limit without using up a number", () => {
    const world = new DeviceWorld().login();
    assert.throws(() => world.send("x".repeat(16_500)), new RegExp(String(ErrorCode.CONTENT_TOO_LARGE)));
    assert.equal(world.send("fits"), 1n);
  });

  it("drops messages that no longer fit the server's frames, instead of being thrown out for them", () => {
    const world = new DeviceWorld();
    for (const text of ["one", "x".repeat(10_000), "three"]) world.send(text);
    world.login({ limits: { frameMaxBytes: 1_000 } });
    assert.deepEqual(ids(world), [1n, 2n]);
    assert.equal(world.table.snapshot.outbox.size, 2);
  });

  it("refuses to queue more than 10,000 messages", () => {
    const world = new DeviceWorld();
    sendMany(world, 10_000);
    assert.throws(() => world.send("one too many"), new RegExp(String(ErrorCode.BUSY)));
  });

  it("sends nothing more once the gateway says goaway, and settles what is under way", () => {
    const world = new DeviceWorld().login();
    world.send("under way");
    world.sent();
    world.say({ case: "goaway", value: { reason: 1, reconnectAfterMs: 5_000 } });
    world.send("later");
    assert.deepEqual(ids(world), []);
    world.say(ack(1n));
    assert.deepEqual([...world.table.snapshot.outbox.keys()], [2n]);
  });

  it("keeps its promises for random outcomes in a random order", () => {
    for (let seed = 1; seed <= 50; seed += 1) {
      const random = seededRandom(seed);
      const world = new DeviceWorld({ random }).login();
      sendMany(world, 20);
      for (const clientId of Array.from({ length: 20 }, (_, index) => BigInt(index + 1)).sort(() => random() - 0.5)) {
        world.say(random() < 0.5 ? ack(clientId) : ownPush(clientId));
      }
      assert.equal(world.table.snapshot.outbox.size, 0);
      assert.equal(world.told("stored").length, 20);
    }
  });
});
