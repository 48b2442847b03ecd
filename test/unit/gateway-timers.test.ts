import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createTimers } from "../../gateway/timers/timers.js";
import { createWakeUp } from "../../gateway/timers/wake-up.js";
import { createManualClock } from "../support/clock.js";

function world() {
  const clock = createManualClock();
  const timers = createTimers(clock);
  const ran: number[] = [];
  return { clock, timers, ran, note: () => void ran.push(clock.monotonicMs()) };
}

describe("timers of a gateway", () => {
  it("run at their time or a little later, each at its own, however far the clock is moved at once", () => {
    const { clock, note, ran, timers } = world();
    for (const atMs of [45, 10, 1_000, 60_000]) timers.at(atMs, note);
    clock.advance(100_000);
    assert.deepEqual(ran, [10, 50, 1_000, 60_000]);
  });

  it("count delays from now, though nothing has been set for an hour", () => {
    const { clock, note, ran, timers } = world();
    clock.advance(3_600_003);
    timers.after(50, note);
    clock.advance(49);
    assert.deepEqual(ran, []);
    clock.advance(8);
    assert.deepEqual(ran, [3_600_060]);
  });

  it("run at once what was due before it was set", () => {
    const { clock, note, ran, timers } = world();
    clock.advance(5_000);
    timers.at(1_000, note);
    assert.deepEqual(ran, [], "but not before its caller has gone on");
    clock.advance(10);
    assert.equal(ran.length, 1);
  });

  it("want one timer of the clock while something is set, and none otherwise", () => {
    const { clock, note, timers } = world();
    assert.equal(clock.pending, 0);
    for (let atMs = 10_000; atMs > 0; atMs -= 10) timers.at(atMs, note);
    assert.equal(clock.pending, 1);
    assert.equal(timers.size, 1_000);
    clock.advance(5_000);
    assert.equal(clock.pending, 1);
    clock.advance(5_000);
    assert.equal(clock.pending, 0);
    assert.equal(timers.size, 0);
  });

  it("let the clock's timer go by in vain when all were disposed of, and set none after it", () => {
    const { clock, note, ran, timers } = world();
    const set = [20, 40, 20_000].map((atMs) => timers.at(atMs, note));
    for (const timer of set) timer[Symbol.dispose]();
    assert.equal(timers.size, 0);
    clock.advance(20);
    assert.equal(clock.pending, 0);
    clock.advance(60_000);
    assert.deepEqual(ran, []);
  });

  it("wake up earlier for an earlier one that is set later", () => {
    const { clock, note, ran, timers } = world();
    timers.at(10_000, note);
    timers.at(30, note);
    clock.advance(30);
    assert.deepEqual(ran, [30]);
    clock.advance(10_000);
    assert.deepEqual(ran, [30, 10_000]);
  });

  it("run what others of them have set, at its own time", () => {
    const { clock, note, ran, timers } = world();
    timers.after(20, () => timers.after(30, () => timers.after(0, note)));
    clock.advance(59);
    assert.deepEqual(ran, []);
    clock.advance(1);
    assert.deepEqual(ran, [60], "a delay of 0 is the next tick");
  });

  it("do not drift: one that sets itself again each second is on time after an hour", () => {
    const { clock, timers } = world();
    let runs = 0;
    const again = () => {
      runs++;
      timers.after(1_000, again);
    };
    timers.after(1_000, again);
    clock.advance(3_600_000);
    assert.equal(runs, 3_600);
  });

  it("never run again once they are over", () => {
    const { clock, note, ran, timers } = world();
    timers.at(20, note);
    timers[Symbol.dispose]();
    for (const atMs of [30, 5]) timers.at(atMs, note);
    assert.equal(clock.pending, 0);
    clock.advance(1_000);
    assert.deepEqual(ran, []);
  });
});

describe("a wake-up", () => {
  function wakeUpWorld() {
    const base = world();
    return { ...base, wakeUp: createWakeUp(base.timers, base.note) };
  }

  it("comes at its time, once", () => {
    const { clock, ran, wakeUp } = wakeUpWorld();
    wakeUp.arm(100);
    clock.advance(1_000);
    assert.deepEqual(ran, [100]);
  });

  it("leaves the timer where it is when it is put off, so that it comes before its time", () => {
    const { clock, ran, timers, wakeUp } = wakeUpWorld();
    for (let atMs = 100; atMs <= 5_000; atMs += 100) wakeUp.arm(atMs);
    assert.equal(timers.size, 1);
    clock.advance(1_000);
    assert.deepEqual(ran, [100], "and whoever is woken arms it again");
  });

  it("comes earlier when it is brought forward", () => {
    const { clock, ran, timers, wakeUp } = wakeUpWorld();
    wakeUp.arm(5_000);
    wakeUp.arm(100);
    assert.equal(timers.size, 1);
    clock.advance(10_000);
    assert.deepEqual(ran, [100]);
  });

  it("does not come when nothing is to be woken for, or after it was disposed of", () => {
    const { clock, ran, timers, wakeUp } = wakeUpWorld();
    wakeUp.arm(100);
    wakeUp.arm(undefined);
    assert.equal(timers.size, 0);
    wakeUp.arm(200);
    wakeUp[Symbol.dispose]();
    assert.equal(timers.size, 0);
    clock.advance(1_000);
    assert.deepEqual(ran, []);
  });

  it("can be armed again by whom it wakes", () => {
    const { clock, note, ran, timers } = world();
    const wakeUp = createWakeUp(timers, () => {
      note();
      if (clock.monotonicMs() < 300) wakeUp.arm(clock.monotonicMs() + 100);
    });
    wakeUp.arm(100);
    clock.advance(10_000);
    assert.deepEqual(ran, [100, 200, 300]);
    assert.equal(timers.size, 0);
  });
});
