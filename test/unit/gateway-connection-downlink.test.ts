import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import type { GatewayContext } from "../../gateway/context.js";
import { encodeFrame } from "../../gateway/frames/frames.js";
import { createDeliveredMarks } from "../../gateway/marks/delivered-marks.js";
import type { Lanes, UplinkEntry } from "../../gateway/uplink/lanes.js";
import { CloseCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { HeadsResponseSchema, OutcomeSchema } from "../../gen/ts/tidewire/v1/message_pb.js";
import type { RisingMark } from "../../runtime/fabric/fabric.js";
import { silentLogger } from "../../runtime/log.js";
import { createConnectionWorld, type TestSocket } from "../support/connection-world.js";

/** User 7's phone is logged in, and listens to conversation 9. */
async function loggedIn(override: Partial<GatewayContext> = {}) {
  const world = createConnectionWorld(override);
  const socket = world.connect();
  await socket.login();
  socket.messages.length = 0;
  return { ...world, socket };
}

/** An entry of a conversation, by conversation unless users are named. */
const entry = (seq: number, userIds: bigint[] = [], conversationId = 9n) => ({
  conversationId,
  seq: BigInt(seq),
  rosterSeq: 1n,
  userIds,
  frame: encodeFrame({ case: "push", value: { message: { conversationId, seq: BigInt(seq) } } }),
});

const isOpen = (socket: TestSocket) => socket.closed === undefined;
const seqs = (socket: TestSocket) =>
  socket.frames().flatMap((frame) => (frame.case === "push" ? [Number(frame.value.message?.seq)] : []));

const ack = (socket: TestSocket, seq: number, conversationId = 9n) =>
  socket.send({ case: "ack", value: { cursors: [{ conversationId, seq: BigInt(seq) }] } });

describe("a connection that is pushed to", () => {
  it("gets what goes to its user and to its conversations", async () => {
    const { deliver, socket } = await loggedIn();
    deliver(entry(4), entry(1, [7n], 10n));
    assert.deepEqual(seqs(socket), [4, 1]);
  });

  it("gets the same bytes again after a second without an ack, and nothing after an ack", async () => {
    const { clock, deliver, socket } = await loggedIn();
    deliver(entry(4), entry(5));
    await clock.settle(1_000);
    assert.equal(socket.messages.length, 2);
    assert.deepEqual(socket.messages[1], socket.messages[0]);
    ack(socket, 5);
    await clock.settle(20_000);
    assert.equal(socket.messages.length, 2);
  });

  it("counts a sync for an ack of what the device has before it", async () => {
    const { clock, deliver, socket } = await loggedIn();
    deliver(entry(4), entry(5));
    socket.send({ case: "sync", value: { requestId: 1n, conversationId: 9n, afterSeq: 4n } });
    await clock.settle(1_000);
    assert.deepEqual(seqs(socket), [4, 5, 5]);
  });

  it("closes as a slow consumer after four retransmissions in vain, though it heartbeats", async () => {
    const { clock, deliver, hub, socket } = await loggedIn();
    deliver(entry(4));
    for (let waitedMs = 0; waitedMs < 30_000; waitedMs += 5_000) {
      await clock.settle(5_000);
      socket.send({ case: "heartbeat", value: {} });
    }
    assert.deepEqual(seqs(socket), [4, 4, 4, 4, 4]);
    assert.ok(isOpen(socket));
    await clock.settle(1_100);
    assert.equal(socket.closed?.code, CloseCode.SLOW_CONSUMER);
    assert.equal(hub.sessionCount, 0);
  });

  it("goes on while its device says at all that it is at work", async () => {
    const { clock, deliver, socket } = await loggedIn();
    deliver(entry(4));
    for (let waitedMs = 0; waitedMs < 70_000; waitedMs += 10_000) {
      await clock.settle(10_000);
      ack(socket, 0);
    }
    assert.ok(isOpen(socket));
    assert.ok(seqs(socket).length > 7);
  });

  it("is told to pull what is not kept here any more", async () => {
    const { clock, deliver, socket } = await loggedIn();
    deliver(entry(4));
    for (let seq = 5; seq <= 400; seq++) deliver(entry(seq));
    socket.messages.length = 0;
    await clock.settle(1_000);
    const [frame] = socket.frames();
    assert.ok(frame?.case === "headsPage");
    assert.deepEqual([frame.value.requestId, frame.value.watermark], [0n, 0n]);
    assert.deepEqual(
      frame.value.heads.map(({ conversationId }) => conversationId),
      [9n],
    );
    assert.deepEqual(seqs(socket), []);
  });

  it("changes nothing for others by whatever it acknowledges", async () => {
    const { clock, connect, deliver, socket } = await loggedIn();
    const other = connect();
    await other.login("user 8");
    deliver(entry(4), entry(5));
    for (const seq of [5, 5, 1, 2 ** 52]) ack(socket, seq);
    ack(socket, 3, 77n);
    await clock.settle(1_000);
    assert.deepEqual(seqs(socket), [4, 5]);
    assert.deepEqual(seqs(other), [4, 5, 4, 5]);
  });

  it("raises the delivered marks of its user by its acks, and not by its syncs", async () => {
    const raised: RisingMark[] = [];
    const { clock, timers } = createConnectionWorld();
    const marks = { raise: async (some: readonly RisingMark[]) => void raised.push(...some) };
    const {
      deliver,
      socket,
      clock: own,
    } = await loggedIn({
      delivered: createDeliveredMarks({ marks, timers, log: silentLogger }),
    });
    deliver(entry(4), entry(5));
    socket.send({ case: "sync", value: { requestId: 1n, conversationId: 9n, afterSeq: 5n } });
    ack(socket, 4);
    await own.settle(1_000);
    await clock.settle(1_000);
    assert.deepEqual(raised, [{ userId: 7n, conversationId: 9n, seq: 4n }]);
  });
});

describe("a connection whose socket takes nothing more", () => {
  /** Its device has its heads, the second look is over, and then a push is dropped. */
  async function lagging() {
    const reads: bigint[] = [];
    const { messages } = createConnectionWorld().context;
    const heads: GatewayContext["messages"]["heads"] = async ({ since = 0n }) => {
      reads.push(since);
      return create(HeadsResponseSchema, { page: { watermark: 8n, heads: [{ conversationId: 9n, headSeq: 5n }] } });
    };
    const world = await loggedIn({ messages: { ...messages, heads } });
    world.socket.send({ case: "heads", value: { requestId: 1n } });
    await world.clock.settle(3_000);
    world.socket.stall();
    world.deliver(entry(4));
    world.socket.messages.length = 0;
    reads.length = 0;
    return { ...world, reads };
  }

  it("is off all its topics, and gets nothing, first or again", async () => {
    const { clock, deliver, socket } = await lagging();
    assert.deepEqual([...socket.topics], []);
    deliver(entry(5), entry(1, [7n], 10n));
    await clock.settle(5_000);
    assert.deepEqual(socket.messages, []);
    assert.ok(isOpen(socket));
  });

  it("is on them again once its socket has drained, and looks at heads at once", async () => {
    const { clock, deliver, reads, socket } = await lagging();
    await clock.settle(500);
    assert.deepEqual(reads, []);
    socket.drain();
    assert.deepEqual([...socket.topics].sort(), ["c9", "u7"]);
    await clock.settle(10);
    assert.deepEqual(reads, [8n]);
    assert.deepEqual(
      socket.frames().map((frame) => frame.case),
      ["headsPage"],
    );
    deliver(entry(5));
    assert.deepEqual(seqs(socket), [5]);
  });

  it("moves nobody else's pushes", async () => {
    const { connect, deliver, socket } = await lagging();
    const other = connect();
    await other.login("user 8");
    deliver(entry(5), entry(6));
    assert.deepEqual(seqs(other), [5, 6]);
    assert.deepEqual(seqs(socket), []);
  });

  it("is given up when it does not drain", async () => {
    const { clock, hub, socket } = await lagging();
    await clock.settle(32_000);
    assert.equal(socket.closed?.code, CloseCode.SLOW_CONSUMER);
    assert.equal(hub.sessionCount, 0);
  });
});

describe("ten thousand connections", () => {
  it("come and go, each in its own way, and leave nothing behind", async () => {
    const { clock, connect, context, deliver, downlink, hub, routes, timers } = createConnectionWorld();
    for (let count = 0; count < 10_000; count++) {
      const [userId, seq] = [BigInt(1 + (count % 200)), 1 + Math.floor(count / 10)];
      const socket = connect(`10.0.0.${count % 250}`);
      if (count % 50 === 0) {
        if (count % 100 === 0) socket.connection.closed();
        continue; // a stranger that says nothing
      }
      await socket.login(`user ${userId}`, count % 3 === 0 ? "phone" : "laptop");
      if (count % 4 === 0) socket.stall();
      if (count % 10 === 1) deliver(entry(seq), entry(seq, [userId], 1_000n + userId));
      if (count % 7 === 0) ack(socket, seq);
      if (count % 5 < 3) socket.connection.closed();
      if (count % 25 === 0) await clock.settle(100);
    }
    await clock.settle(200_000); // silence ends what has not ended yet
    downlink.forgetIdle();
    context.rates.forgetIdle(Number.POSITIVE_INFINITY);
    assert.deepEqual(
      {
        sessions: hub.sessionCount,
        routes: routes.size,
        roster: hub.rosterSeqOf(9n),
        timers: timers.size,
        clock: clock.pending,
        conversations: downlink.activeConversations,
        ringBytes: downlink.ringBytes,
        strangers: context.strangers.size,
        delivered: context.delivered.size,
        rates: context.rates.size,
        laneBytes: context.lanes.queuedBytes,
      },
      {
        sessions: 0,
        routes: 0,
        roster: undefined,
        timers: 0,
        clock: 0,
        conversations: 0,
        ringBytes: 0,
        strangers: 0,
        delivered: 0,
        rates: 0,
        laneBytes: 0,
      },
    );
  });
});

describe("a connection whose own message is stored", () => {
  const stored = (seq: bigint, duplicate: boolean) =>
    create(OutcomeSchema, { duplicate, result: { case: "stored", value: { conversationId: 9n, seq } } });

  /** User 7's phone has sent message 1; `settle` tells the gateway what became of it. */
  async function sending() {
    const submitted: UplinkEntry[] = [];
    const lanes: Lanes = {
      isFull: () => false,
      submit: (entry) => void submitted.push(entry),
      queuedBytes: 0,
      drained: async () => {},
      async [Symbol.asyncDispose]() {},
    };
    const world = await loggedIn({ lanes });
    world.socket.send({ case: "upMsg", value: { clientId: 1n } });
    return {
      ...world,
      settle(seq: bigint, { duplicate = false } = {}) {
        submitted[0]?.source.settled([{ clientId: 1n, outcome: stored(seq, duplicate) }]);
        return world.socket.frames().map((frame) => frame.case);
      },
    };
  }

  it("is told by its push, if that has just left", async () => {
    const { deliver, settle } = await sending();
    deliver(entry(4));
    assert.deepEqual(settle(4n), ["push"]);
  });

  it("is told in so many words if its push has not left, or left long ago, or if it asks again", async () => {
    const before = await sending();
    assert.deepEqual(before.settle(4n), ["upAck"]);
    const late = await sending();
    late.deliver(entry(4));
    await late.clock.settle(500);
    assert.deepEqual(late.settle(4n), ["push", "upAck"]);
    const again = await sending();
    again.deliver(entry(4));
    assert.deepEqual(again.settle(4n, { duplicate: true }), ["push", "upAck"]);
  });
});
