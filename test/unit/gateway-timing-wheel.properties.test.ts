import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { createTimingWheel, type TimingWheel } from "../../gateway/timers/timing-wheel.js";

const tickMs = 10;
const slots = 7;
const turnMs = tickMs * slots;

type Action = { kind: "nothing" } | { kind: "set"; delayMs: number } | { kind: "dispose"; pick: number };

type Command =
  | { kind: "set"; delayMs: number; next: Action }
  | { kind: "dispose"; pick: number }
  | { kind: "advance"; byMs: number };

const delayMs = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: -30, max: turnMs }) },
  { weight: 1, arbitrary: fc.integer({ min: turnMs, max: 6 * turnMs }) },
);
const pick = fc.nat(1_000);
const dispose = fc.record({ kind: fc.constant("dispose" as const), pick });
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ kind: "nothing" as const }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("set" as const), delayMs }) },
  { weight: 1, arbitrary: dispose },
);
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("set" as const), delayMs, next: action }) },
  { weight: 1, arbitrary: dispose },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("advance" as const),
      byMs: fc.oneof(fc.nat(25), fc.nat(turnMs), fc.nat(5 * turnMs)),
    }),
  },
);

/** A timer as the model knows it: a line of a list that is searched from end to end. */
type Expected = {
  atMs: number;
  setMs: number;
  state: "set" | "ran" | "disposed";
  setDuring: number;
  timer: Disposable;
};

/** The wheel beside a plain list, and everything that the two have to agree on. */
class Comparison {
  readonly wheel: TimingWheel;
  readonly #expected: Expected[] = [];
  #nowMs: number;
  #advances = 0;
  #advancedFromMs = 0;
  /** The tick of the timer that ran last during this advance. */
  #lastTick = Number.NEGATIVE_INFINITY;

  constructor(nowMs: number) {
    this.#nowMs = nowMs;
    this.wheel = createTimingWheel({ tickMs, slots, nowMs });
  }

  perform(command: Command) {
    if (command.kind === "set") this.#set(command.delayMs, command.next);
    if (command.kind === "dispose") this.#dispose(command.pick);
    if (command.kind === "advance") this.#advance(this.#nowMs + command.byMs);
    this.#compareSizes();
  }

  /** As its only timer drives a wheel in a gateway: from one `nextMs` to the next. */
  driveOn(turns: number) {
    for (let turn = 0; turn < turns; turn++) {
      const nextMs = this.wheel.nextMs();
      if (nextMs === undefined) break;
      assert.ok(nextMs > this.#nowMs - tickMs, "time would stand still");
      this.#advance(nextMs);
      this.#compareSizes();
    }
  }

  #set(delayMs: number, next: Action) {
    const atMs = this.#nowMs + delayMs;
    const timer = this.wheel.schedule(atMs, () => this.#run(expected, next));
    const expected: Expected = { atMs, setMs: this.#nowMs, state: "set", setDuring: this.#advances, timer };
    this.#expected.push(expected);
  }

  #dispose(pick: number) {
    const expected = this.#expected[pick % Math.max(1, this.#expected.length)];
    if (!expected) return;
    if (expected.state === "set") expected.state = "disposed";
    expected.timer[Symbol.dispose]();
  }

  #run(expected: Expected, next: Action) {
    assert.equal(expected.state, "set", "it runs once, and never after it was disposed of");
    assert.ok(expected.atMs <= this.#nowMs, `early by ${expected.atMs - this.#nowMs} ms`);
    assert.ok(expected.setDuring < this.#advances, "what is set meanwhile waits for the next advance");
    expected.state = "ran";
    if (next.kind === "set") this.#set(next.delayMs, { kind: "nothing" });
    if (next.kind === "dispose") this.#dispose(next.pick);
    this.#expectOrder(expected.atMs);
  }

  /** A time that had passed when the timer was set belongs to a later tick: only what lies ahead has to be in order. */
  #expectOrder(atMs: number) {
    const tick = Math.ceil(atMs / tickMs);
    const passed = Math.floor(this.#advancedFromMs / tickMs);
    if (tick <= passed) return;
    assert.ok(tick >= this.#lastTick, "earlier ticks first");
    this.#lastTick = tick;
  }

  #advance(nowMs: number) {
    this.#advancedFromMs = this.#nowMs;
    this.#nowMs = nowMs;
    this.#advances++;
    this.#lastTick = Number.NEGATIVE_INFINITY;
    this.wheel.advance(nowMs);
    for (const { atMs, setMs, state, setDuring } of this.#expected) {
      const lateMs = nowMs - Math.max(atMs, setMs);
      if (state === "set" && setDuring < this.#advances) assert.ok(lateMs < tickMs, `late by ${lateMs} ms`);
    }
  }

  #compareSizes() {
    const left = this.#expected.filter(({ state }) => state === "set");
    assert.equal(this.wheel.size, left.length);
    const nextMs = this.wheel.nextMs();
    assert.equal(nextMs === undefined, left.length === 0);
    const firstMs = Math.max(Math.min(...left.map(({ atMs }) => atMs)), this.#nowMs);
    if (nextMs !== undefined) assert.ok(nextMs < firstMs + 2 * tickMs, `${nextMs} may be too late for ${firstMs}`);
  }
}

describe("a timing wheel beside a plain list of timers", () => {
  it("is never early, never late by a tick, never runs anything twice, and keeps order and count", () => {
    const property = fc.property(fc.nat(300), fc.array(command, { maxLength: 60 }), (startMs, commands) => {
      const comparison = new Comparison(startMs);
      for (const one of commands) comparison.perform(one);
    });
    fc.assert(property, { numRuns: 5_000 });
  });

  it("misses nothing when it is advanced only when it asks for it", () => {
    const timers = fc.array(fc.record({ kind: fc.constant("set" as const), delayMs, next: action }), { maxLength: 30 });
    const property = fc.property(fc.nat(300), timers, (startMs, commands) => {
      const comparison = new Comparison(startMs);
      for (const one of commands) comparison.perform(one);
      comparison.driveOn(100);
      assert.equal(comparison.wheel.size, 0);
    });
    fc.assert(property, { numRuns: 2_000 });
  });
});
