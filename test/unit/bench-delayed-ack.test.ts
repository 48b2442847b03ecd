import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { ServerFrameSchema } from "../../gen/ts/tidewire/v1/frame_pb.js";
import { createCountdown } from "../../tools/bench/generator/countdown.js";
import { createDelayedAck } from "../../tools/bench/generator/delayed-ack.js";
import { createManualClock } from "../support/clock.js";

function world(random = 0.5) {
  const clock = createManualClock();
  const acked: bigint[] = [];
  const ack = createDelayedAck({ clock, random: () => random, delayMs: 200, send: (seq) => void acked.push(seq) });
  const note = (count: number, seq: bigint) => ack.note(count, toPush(seq));
  return { clock, acked, ack, note };
}

function toPush(seq: bigint): Uint8Array {
  const frame = { case: "push", value: { message: { seq } } } as const;
  return toBinary(ServerFrameSchema, create(ServerFrameSchema, { frame }));
}

describe("the delayed ack of the load generator", () => {
  it("acknowledges the newest push after the delay, once", () => {
    const { clock, acked, note } = world(1);
    note(3, 3n);
    clock.advance(100);
    note(1, 4n);
    clock.advance(99);
    assert.deepEqual(acked, []);
    clock.advance(1);
    assert.deepEqual(acked, [4n]);
    clock.advance(1_000);
    assert.deepEqual(acked, [4n]);
  });

  it("jitters the delay between half of it and all of it", () => {
    const { clock, acked, note } = world(0);
    note(1, 1n);
    clock.advance(100);
    assert.deepEqual(acked, [1n]);
  });

  it("acknowledges 64 messages at once", () => {
    const { clock, acked, note } = world();
    note(63, 63n);
    assert.deepEqual(acked, []);
    note(40, 103n);
    assert.deepEqual(acked, [103n]);
    assert.equal(clock.pending, 0);
  });

  it("starts a new delay with the next push", () => {
    const { clock, acked, note } = world(1);
    note(64, 64n);
    clock.advance(150);
    note(1, 65n);
    clock.advance(199);
    assert.deepEqual(acked, [64n]);
    clock.advance(1);
    assert.deepEqual(acked, [64n, 65n]);
  });

  it("says nothing while it is held, and all at once when it is released", () => {
    const { clock, acked, ack, note } = world(1);
    note(1, 1n);
    ack.hold();
    note(64, 65n);
    clock.advance(1_000);
    assert.deepEqual(acked, []);
    assert.equal(ack.isPending, true);
    ack.release();
    assert.deepEqual(acked, [65n]);
    assert.equal(ack.isPending, false);
    note(1, 66n);
    clock.advance(200);
    assert.deepEqual(acked, [65n, 66n]);
  });

  it("has nothing to say after it was held in vain", () => {
    const { acked, ack } = world();
    ack.hold();
    ack.release();
    assert.deepEqual(acked, []);
  });

  it("counts what it has sent", () => {
    const { ack, note } = world();
    note(64, 64n);
    note(1, 65n);
    assert.equal(ack.sent, 1);
  });

  it("does not depend on the memory in which a push arrived", () => {
    const { acked, ack } = world();
    const push = toPush(7n);
    ack.note(1, push);
    push.fill(0);
    ack.hold();
    ack.release();
    assert.deepEqual(acked, [7n]);
  });

  it("leaves no timer behind", () => {
    const { clock, ack, note } = world();
    note(1, 1n);
    ack[Symbol.dispose]();
    assert.equal(clock.pending, 0);
  });
});

describe("the countdown of a round", () => {
  it("completes when all has come, and leaves no timer behind", async () => {
    const clock = createManualClock();
    const countdown = createCountdown(5, { clock, timeoutMs: 1_000 });
    countdown.count(3);
    countdown.count(2);
    assert.equal(await countdown.done, "complete");
    assert.equal(clock.pending, 0);
  });

  it("is overdue when something has not come in time", async () => {
    const clock = createManualClock();
    const countdown = createCountdown(5, { clock, timeoutMs: 1_000 });
    countdown.count(4);
    clock.advance(1_000);
    assert.equal(await countdown.done, "overdue");
  });

  it("can be told later how long to wait", async () => {
    const clock = createManualClock();
    const countdown = createCountdown(5, { clock, timeoutMs: 1_000 });
    countdown.limit(10);
    clock.advance(10);
    assert.equal(await countdown.done, "overdue");
    assert.equal(clock.pending, 0);
  });

  it("fails with its reason", async () => {
    const countdown = createCountdown(5, { clock: createManualClock(), timeoutMs: 1_000 });
    countdown.fail("user 7 was cut off");
    await assert.rejects(countdown.done, /user 7 was cut off/);
  });
});
