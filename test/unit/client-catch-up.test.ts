import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { DeviceWorld, me, textMessage } from "../support/device-world.js";
import { conversationId, heads, held, holding, push } from "../support/server-says.js";

describe("a device that catches up", () => {
  it("asks at login for the heads that changed since its watermark", () => {
    const world = new DeviceWorld().login();
    assert.equal(world.sentOf("heads")[0]?.since, 0n);
    world.say(heads([{ id: 1n, head: 0n }], { requestId: 1n, watermark: 42n }));
    world.restart();
    world.login();
    assert.equal(world.sentOf("heads")[0]?.since, 42n);
  });

  it("stores heads and watermark in one write", () => {
    const world = new DeviceWorld().login();
    world.sent();
    const before = world.trace.length;
    world.say(heads([{ id: 1n, head: 3n }], { requestId: 1n, watermark: 42n }));
    const kinds = world.trace.slice(before).map(({ kind }) => kind);
    assert.ok(kinds.includes("head") && kinds.includes("watermark"));
    assert.ok(kinds.indexOf("transmit") > Math.max(kinds.indexOf("head"), kinds.indexOf("watermark")));
  });

  it("asks for the next page of heads until there are no more", () => {
    const world = new DeviceWorld().login();
    world.sent();
    world.say(heads([{ id: 1n, head: 0n }], { requestId: 1n, watermark: 42n, hasMore: true }));
    assert.equal(world.sentOf("heads")[0]?.since, 42n);
    world.say(heads([], { requestId: 2n, watermark: 43n }));
    assert.deepEqual(world.sentOf("heads"), []);
  });

  it("syncs where the head is ahead, one page at a time, the newest conversation first", () => {
    const world = new DeviceWorld().login();
    world.sent();
    world.say(
      heads(
        [
          { id: 1n, head: 2n },
          { id: 3n, head: 2n },
          { id: 2n, head: 2n },
          { id: 4n, head: 0n },
        ],
        { requestId: 1n, watermark: 42n },
      ),
    );
    const order: bigint[] = [];
    for (let count = 0; count < 3; count += 1) {
      const syncs = world.sentOf("sync");
      assert.equal(syncs.length, 1);
      const [sync] = syncs;
      order.push(sync?.conversationId ?? 0n);
      const value = { requestId: sync?.requestId ?? 0n, conversationId: sync?.conversationId ?? 0n, headSeq: 2n };
      const messages = [1n, 2n].map((seq) => textMessage(seq, { conversationId: value.conversationId }));
      world.say({ case: "syncPage", value: { ...value, messages } });
    }
    assert.deepEqual(order, [3n, 2n, 1n]);
    assert.deepEqual(world.sentOf("sync"), []);
  });

  it("syncs the conversation that the app looks at first", () => {
    const world = new DeviceWorld().login();
    world.sent();
    world.step({ kind: "focus", conversationId: 1n });
    world.say(
      heads(
        [
          { id: 1n, head: 2n },
          { id: 3n, head: 2n },
        ],
        { requestId: 1n, watermark: 42n },
      ),
    );
    assert.equal(world.sentOf("sync")[0]?.conversationId, 1n);
  });

  it("goes on after a restart where the head that it stored is ahead", () => {
    const world = new DeviceWorld().login();
    world.say(heads([{ id: 1n, head: 5n }], { requestId: 1n, watermark: 42n }));
    world.restart();
    world.login();
    assert.equal(world.sentOf("sync")[0]?.conversationId, 1n);
  });

  it("follows heads that the gateway sends on its own account, and keeps its watermark", () => {
    const world = holding(1);
    world.say(heads([{ id: 1n, head: 4n }], { requestId: 0n, watermark: 0n }));
    assert.equal(world.sentOf("sync")[0]?.afterSeq, 1n);
    assert.equal(world.table.snapshot.watermark, 1n);
  });

  it("asks for the heads when a conversation that it does not know speaks", () => {
    const world = new DeviceWorld().login();
    world.say(heads([], { requestId: 1n, watermark: 5n }));
    world.sent();
    world.say(...push(1));
    assert.equal(world.sentOf("heads")[0]?.since, 5n);
  });

  it("repeats a question that was not answered, and one that the server could not answer", () => {
    const world = new DeviceWorld({ random: () => 0 }).login();
    const [first] = world.sentOf("heads");
    world.advance(15_000);
    const [second] = world.sentOf("heads");
    assert.notEqual(second?.requestId, first?.requestId);
    world.say(heads([], { requestId: second?.requestId, error: ErrorCode.UNAVAILABLE }));
    assert.deepEqual(world.sentOf("heads"), []);
    world.advance(1_000);
    assert.equal(world.sentOf("heads").length, 1);
  });

  it("gives up a conversation that the server does not know", () => {
    const world = holding(1);
    world.say(heads([{ id: 9n, head: 4n }]));
    const [sync] = world.sentOf("sync");
    const error = ErrorCode.UNKNOWN_CONVERSATION;
    world.say({ case: "syncPage", value: { requestId: sync?.requestId ?? 0n, conversationId: 9n, error } });
    world.advance(14_000);
    assert.deepEqual(world.sentOf("sync"), []);
  });

  it("sends at most ten syncs in any second", () => {
    const world = new DeviceWorld({ random: () => 0 }).login();
    world.sent();
    world.say(heads(Array.from({ length: 30 }, (_, index) => ({ id: BigInt(index + 1), head: 1n }))));
    const times: number[] = [];
    for (let step = 0; step < 60; step += 1) {
      for (const { requestId, conversationId: id } of world.sentOf("sync")) {
        times.push(world.nowMs);
        const messages = [textMessage(1n, { conversationId: id })];
        world.say({ case: "syncPage", value: { requestId, conversationId: id, messages, headSeq: 1n } });
      }
      if (step % 12 === 11) world.advance(550);
    }
    assert.ok(times.length > 10);
    times.forEach((time, index) => {
      assert.ok((times[index + 10] ?? Number.POSITIVE_INFINITY) - time > 1_000);
    });
  });

  it("forgets conversations and watermark when the server was restored, but not its outbox", () => {
    const world = holding(2);
    world.send("unsent");
    world.hangUp();
    world.advance(1_000);
    world.giveToken("token");
    world.open();
    world.sent();
    world.greet({ storeId: "store-2" });
    assert.deepEqual(held(world), []);
    assert.equal(world.table.snapshot.cursors.size, 0);
    assert.equal(world.table.snapshot.watermark, 0n);
    assert.equal(world.table.snapshot.storeId, "store-2");
    const sent = world.sent();
    assert.ok(sent.some((frame) => frame.case === "heads" && frame.value.since === 0n));
    assert.ok(sent.some((frame) => frame.case === "upMsg"));
  });
});

describe("a conversation's head", () => {
  it("counts what is unread from the counters", () => {
    const world = holding(3);
    world.step({ kind: "read", conversationId, seq: 1n, counter: 1n });
    assert.equal(world.core.conversations()[0]?.unread, 2);
    world.say(...push(4));
    assert.equal(world.core.conversations()[0]?.unread, 3);
  });

  it("moves read marks forward only, and not past the head", () => {
    const world = holding(3);
    world.step({ kind: "read", conversationId, seq: 99n, counter: undefined });
    assert.equal(world.sentOf("readMark")[0]?.seq, 3n);
    world.step({ kind: "read", conversationId, seq: 2n, counter: 2n });
    assert.deepEqual(world.sentOf("readMark"), []);
    assert.equal(world.core.conversations()[0]?.readSeq, 3n);
  });

  it("repeats a read mark at login and with heartbeats until a heads page shows it", () => {
    const world = holding(3);
    world.step({ kind: "read", conversationId, seq: 2n, counter: 2n });
    world.restart();
    world.login();
    assert.equal(world.sentOf("readMark")[0]?.seq, 2n);
    world.advance(60_000);
    const repeated = world.sent();
    assert.ok(repeated.some((frame) => frame.case === "readMark"));
    assert.ok(repeated.some((frame) => frame.case === "heads"));
    world.say(heads([{ id: conversationId, head: 3n, read: 2n }]));
    assert.equal(world.table.snapshot.marks.size, 0);
    world.restart();
    world.login();
    assert.deepEqual(world.sentOf("readMark"), []);
  });

  it("does not fall back to an older head", () => {
    const world = holding(3);
    world.say(heads([{ id: conversationId, head: 2n }]));
    assert.equal(world.core.conversations()[0]?.headSeq, 3n);
  });

  it("learns from events that this user left", () => {
    const world = holding(1);
    const kind = { case: "memberLeft" as const, value: { userId: me.userId } };
    const content = { body: { case: "event" as const, value: { kind } } };
    world.say({ case: "push", value: { message: { conversationId, seq: 2n, counter: 1n, content } } });
    assert.equal(world.core.conversations()[0]?.isMember, false);
  });
});
