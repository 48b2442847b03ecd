import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { sleep } from "../../runtime/clock.js";
import { createManualClock } from "../support/clock.js";

describe("manual clock", () => {
  it("runs due timers in the order of their times, each at its own time", () => {
    const clock = createManualClock();
    const ran: [string, number][] = [];
    clock.after(30, () => ran.push(["late", clock.monotonicMs()]));
    clock.after(10, () => ran.push(["early", clock.monotonicMs()]));
    clock.after(10, () => ran.push(["early too", clock.monotonicMs()]));
    clock.after(31, () => ran.push(["never", clock.monotonicMs()]));
    clock.advance(30);
    assert.deepEqual(ran, [
      ["early", 10],
      ["early too", 10],
      ["late", 30],
    ]);
    assert.equal(clock.pending, 1);
  });

  it("runs a timer that another one sets, if it falls due on the way", () => {
    const clock = createManualClock();
    const ran: number[] = [];
    clock.after(10, () => clock.after(5, () => ran.push(clock.monotonicMs())));
    clock.advance(20);
    assert.deepEqual(ran, [15]);
  });

  it("does not run a disposed timer", () => {
    const clock = createManualClock();
    const timer = clock.after(10, () => assert.fail("ran"));
    timer[Symbol.dispose]();
    clock.advance(20);
    assert.equal(clock.pending, 0);
  });

  it("moves the wall clock along, and steps it alone", () => {
    const clock = createManualClock({ startMs: 1000 });
    clock.advance(5);
    clock.stepWall(-500);
    assert.equal(clock.nowMs(), 505);
    assert.equal(clock.monotonicMs(), 5);
  });

  it("settles a chain of sleeps", async () => {
    const clock = createManualClock();
    const woken: number[] = [];
    const chain = (async () => {
      for (let i = 0; i < 3; i++) {
        await sleep(clock, 10);
        woken.push(clock.monotonicMs());
      }
    })();
    await clock.settle(30);
    await chain;
    assert.deepEqual(woken, [10, 20, 30]);
  });
});

describe("sleep", () => {
  it("rejects with the reason as soon as it is aborted, and leaves no timer", async () => {
    const clock = createManualClock();
    const abort = new AbortController();
    const sleeping = sleep(clock, 1000, abort.signal);
    abort.abort(new Error("enough"));
    await assert.rejects(sleeping, /enough/);
    assert.equal(clock.pending, 0);
  });
});
