import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createTimingWheel } from "../../gateway/timers/timing-wheel.js";

const tickMs = 10;
const slots = 8;
const turnMs = tickMs * slots;

/** A wheel of eight slots of 10 ms, and what has run on it. */
function world({ nowMs = 0 } = {}) {
  const wheel = createTimingWheel({ tickMs, slots, nowMs });
  const ran: string[] = [];
  return {
    wheel,
    ran,
    schedule: (atMs: number, name = String(atMs)) => wheel.schedule(atMs, () => void ran.push(name)),
  };
}

describe("timing wheel", () => {
  it("runs a timer at the first advance to its tick, and not before", () => {
    const { ran, schedule, wheel } = world();
    schedule(25);
    wheel.advance(29);
    assert.deepEqual(ran, []);
    wheel.advance(30);
    assert.deepEqual(ran, ["25"]);
    wheel.advance(1_000);
    assert.deepEqual(ran, ["25"], "once");
  });

  it("is not late at all where a timer falls on a tick", () => {
    const { ran, schedule, wheel } = world();
    schedule(30);
    wheel.advance(29);
    assert.deepEqual(ran, []);
    wheel.advance(30);
    assert.deepEqual(ran, ["30"]);
  });

  it("runs at the next tick what was due when it was set", () => {
    const { ran, schedule, wheel } = world({ nowMs: 1_000 });
    schedule(-5);
    schedule(1_000);
    wheel.advance(1_009);
    assert.deepEqual(ran, []);
    wheel.advance(1_010);
    assert.deepEqual(ran, ["-5", "1000"]);
  });

  it("runs the timers of earlier ticks first, in whatever order they were set", () => {
    const { ran, schedule, wheel } = world();
    for (const atMs of [70, 20, 50, 5]) schedule(atMs);
    wheel.advance(turnMs);
    assert.deepEqual(ran, ["5", "20", "50", "70"]);
  });

  it("does so too when it is advanced by more than a turn at once", () => {
    const { ran, schedule, wheel } = world();
    for (const atMs of [turnMs + 20, 30, 5 * turnMs + 10, 2 * turnMs + 30]) schedule(atMs);
    wheel.advance(20 * turnMs);
    assert.deepEqual(ran, ["30", "100", "190", "410"]);
  });

  it("keeps a timer of a later turn when its slot is passed", () => {
    const { ran, schedule, wheel } = world();
    schedule(3 * turnMs + 20, "later");
    for (let nowMs = 0; nowMs < 3 * turnMs + 20; nowMs += tickMs) wheel.advance(nowMs);
    assert.deepEqual(ran, []);
    wheel.advance(3 * turnMs + 20);
    assert.deepEqual(ran, ["later"]);
  });

  it("does nothing while time stands still or seems to go back", () => {
    const { ran, schedule, wheel } = world({ nowMs: 500 });
    schedule(510);
    for (const nowMs of [500, 400, 0, 509]) wheel.advance(nowMs);
    assert.deepEqual(ran, []);
    wheel.advance(510);
    assert.deepEqual(ran, ["510"]);
  });

  it("counts the timers that are set", () => {
    const { schedule, wheel } = world();
    const timers = [20, 20, 3 * turnMs].map((atMs) => schedule(atMs));
    assert.equal(wheel.size, 3);
    timers[0]?.[Symbol.dispose]();
    assert.equal(wheel.size, 2);
    wheel.advance(20);
    assert.equal(wheel.size, 1);
    wheel.advance(4 * turnMs);
    assert.equal(wheel.size, 0);
  });
});

describe("a timer", () => {
  it("never runs once it was disposed of, and may be disposed of again", () => {
    const { ran, schedule, wheel } = world();
    const timer = schedule(20);
    timer[Symbol.dispose]();
    timer[Symbol.dispose]();
    wheel.advance(1_000);
    assert.deepEqual(ran, []);
    assert.equal(wheel.size, 0);
  });

  it("may be disposed of after it has run, which takes no other away", () => {
    const { schedule, wheel } = world();
    const timer = schedule(20);
    wheel.advance(20);
    schedule(20 + turnMs);
    timer[Symbol.dispose]();
    assert.equal(wheel.size, 1);
  });

  it("can dispose of a later one that is due at the same advance", () => {
    const { ran, schedule, wheel } = world();
    wheel.schedule(10, () => later[Symbol.dispose]());
    const later = schedule(20);
    wheel.advance(50);
    assert.deepEqual(ran, []);
    assert.equal(wheel.size, 0);
  });

  it("that is set by another one waits for the next advance, even if it is due already", () => {
    const { ran, schedule, wheel } = world();
    wheel.schedule(10, () => schedule(20, "set meanwhile"));
    wheel.advance(5 * turnMs);
    assert.deepEqual(ran, []);
    wheel.advance(5 * turnMs + tickMs);
    assert.deepEqual(ran, ["set meanwhile"]);
  });

  it("that sets itself again runs once for each advance", () => {
    const { wheel } = world();
    let runs = 0;
    const again = () => {
      runs++;
      wheel.schedule(0, again);
    };
    again();
    wheel.advance(1_000);
    assert.equal(runs, 2);
    assert.equal(wheel.size, 1);
  });
});

describe("the next time of a timing wheel", () => {
  it("is undefined while nothing is set", () => {
    const { schedule, wheel } = world();
    assert.equal(wheel.nextMs(), undefined);
    schedule(20)[Symbol.dispose]();
    assert.equal(wheel.nextMs(), undefined);
  });

  it("is the tick of the earliest timer, if that is due within a turn", () => {
    const { schedule, wheel } = world({ nowMs: 105 });
    schedule(171);
    schedule(133);
    assert.equal(wheel.nextMs(), 140);
  });

  it("is a turn ahead at most, for what is due later", () => {
    const { ran, schedule, wheel } = world();
    schedule(10 * turnMs + 5);
    let advances = 0;
    for (let nextMs = wheel.nextMs(); nextMs !== undefined; nextMs = wheel.nextMs()) {
      assert.ok(nextMs <= 10 * turnMs + tickMs);
      wheel.advance(nextMs);
      advances++;
    }
    assert.deepEqual(ran, ["805"]);
    assert.ok(advances <= 11, `${advances} advances`);
  });
});
