import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createDeliveredMarks } from "../../gateway/marks/delivered-marks.js";
import { createTimers } from "../../gateway/timers/timers.js";
import type { RisingMark } from "../../runtime/fabric/fabric.js";
import type { Logger } from "../../runtime/log.js";
import { silentLogger } from "../../runtime/log.js";
import { createManualClock } from "../support/clock.js";

/** Delivered marks on their way to a fabric that writes down what it is told, call by call. */
function world() {
  const clock = createManualClock();
  const timers = createTimers(clock);
  const calls: (readonly RisingMark[])[] = [];
  const warnings: string[] = [];
  let isAway = false;
  const marks = createDeliveredMarks({
    marks: {
      async raise(raised) {
        calls.push(raised);
        if (isAway) throw new Error("the fabric is away");
      },
    },
    timers,
    log: { ...silentLogger, warn: (_fields: object, message: string) => void warnings.push(message) } as Logger,
  });
  return {
    calls,
    clock,
    marks,
    timers,
    warnings,
    note: (userId: bigint, conversationId: bigint, seq: bigint) => marks.note(userId, [{ conversationId, seq }]),
    fail() {
      isAway = true;
    },
  };
}

describe("delivered marks", () => {
  it("gather for a second and go to the fabric in one call", () => {
    const { calls, clock, marks, note } = world();
    note(7n, 9n, 3n);
    clock.advance(500);
    note(8n, 9n, 2n);
    marks.note(7n, [
      { conversationId: 10n, seq: 5n },
      { conversationId: 11n, seq: 1n },
    ]);
    assert.equal(marks.size, 2);
    clock.advance(499);
    assert.deepEqual(calls, []);
    clock.advance(1);
    assert.deepEqual(calls, [
      [
        { userId: 7n, conversationId: 9n, seq: 3n },
        { userId: 7n, conversationId: 10n, seq: 5n },
        { userId: 7n, conversationId: 11n, seq: 1n },
        { userId: 8n, conversationId: 9n, seq: 2n },
      ],
    ]);
    assert.equal(marks.size, 0);
  });

  it("rise only: of several, the highest counts, in whatever order they come", () => {
    const { calls, clock, note } = world();
    for (const seq of [4n, 9n, 2n]) note(7n, 9n, seq);
    clock.advance(1_000);
    assert.deepEqual(calls, [[{ userId: 7n, conversationId: 9n, seq: 9n }]]);
  });

  it("want no timer while none waits, and begin a new second with the next one", () => {
    const { calls, clock, note, timers } = world();
    assert.equal(timers.size, 0);
    note(7n, 9n, 3n);
    assert.equal(timers.size, 1);
    clock.advance(1_000);
    assert.equal(timers.size, 0);
    clock.advance(10_000);
    note(7n, 9n, 4n);
    clock.advance(999);
    assert.equal(calls.length, 1);
    clock.advance(1);
    assert.equal(calls.length, 2);
  });

  it("go at once when ten thousand wait, and are not more in memory than that", () => {
    const { calls, clock, marks, note, timers } = world();
    for (let id = 1n; id < 10_000n; id++) note(id % 100n, id, 1n);
    note(1n, 1n, 2n);
    assert.equal(calls.length, 0, "the same mark, raised, is no other one");
    note(7n, 10_000n, 1n);
    assert.equal(calls.length, 1);
    assert.equal(calls[0]?.length, 10_000);
    assert.equal(marks.size, 0);
    assert.equal(timers.size, 0);
    clock.advance(2_000);
    assert.equal(calls.length, 1, "and not again when the second is over");
  });

  it("go to the fabric when they are disposed of, once", async () => {
    const { calls, marks, note, timers } = world();
    note(7n, 9n, 3n);
    await marks[Symbol.asyncDispose]();
    await marks[Symbol.asyncDispose]();
    assert.deepEqual(calls, [[{ userId: 7n, conversationId: 9n, seq: 3n }]]);
    assert.equal(timers.size, 0);
  });

  it("are given up when the fabric does not take them: devices acknowledge again", async () => {
    const { calls, clock, fail, marks, note, warnings } = world();
    fail();
    note(7n, 9n, 3n);
    await clock.settle(1_000);
    assert.equal(marks.size, 0);
    assert.equal(warnings.length, 1);
    note(7n, 9n, 4n);
    await clock.settle(1_000);
    assert.equal(calls.length, 2);
  });
});
