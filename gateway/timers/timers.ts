import type { Clock } from "../../runtime/clock.js";
import { createTimingWheel } from "./timing-wheel.js";

/** All timers of a gateway: one timing wheel, driven by one timer of the clock that is set only while it is needed. */
export interface Timers extends Disposable {
  /** Calls `run` once, when the monotonic clock shows `atMs` or a little more, unless disposed of before. */
  at(atMs: number, run: () => void): Disposable;
  after(delayMs: number, run: () => void): Disposable;
  /** Timers that are set. */
  readonly size: number;
}

/** Fine enough for the shortest wait here, 50 ms for an entry that was overtaken. */
const TICK_MS = 10;
/** Some ten seconds: most deadlines are met, or put off, within less. */
const SLOTS = 1_024;

export function createTimers(clock: Clock): Timers {
  const wheel = createTimingWheel({ tickMs: TICK_MS, slots: SLOTS, nowMs: clock.monotonicMs() });
  let armed: { atMs: number; timer: Disposable } | undefined;
  let isOver = false;

  function arm(atMs: number) {
    if (isOver || (armed && armed.atMs <= atMs)) return;
    armed?.timer[Symbol.dispose]();
    armed = { atMs, timer: clock.after(Math.max(1, atMs - clock.monotonicMs()), wake) };
  }

  function wake() {
    armed = undefined;
    wheel.advance(clock.monotonicMs());
    const nextMs = wheel.nextMs();
    if (nextMs !== undefined) arm(nextMs);
  }

  function at(atMs: number, run: () => void): Disposable {
    const timer = wheel.schedule(atMs, run);
    arm(Math.ceil(atMs / TICK_MS) * TICK_MS);
    return timer;
  }

  return {
    at,
    after: (delayMs, run) => at(clock.monotonicMs() + delayMs, run),
    get size() {
      return wheel.size;
    },
    [Symbol.dispose]() {
      isOver = true;
      armed?.timer[Symbol.dispose]();
    },
  };
}
