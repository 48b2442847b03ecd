import { type Clock, systemClock } from "../../runtime/clock.js";

/** The system's clock, which can be sent ahead: what would happen in minutes happens at once. */
export interface LeapingClock extends Clock {
  /**
   * Moves both clocks ahead by `ms`, in steps between which everything that has fallen due gets some real time: it may have to
   * ask a database.
   */
  leap(ms: number): Promise<void>;
  /** Timers that are set and have not run yet. */
  readonly pending: number;
}

type Timer = { readonly dueMs: number; readonly run: () => void; armed: Disposable };

const stepMs = 1_000;
/** Real time after each step, in milliseconds. */
const breathMs = 10;

export function createLeapingClock(): LeapingClock {
  const timers = new Set<Timer>();
  let aheadMs = 0;
  const monotonicMs = () => systemClock.monotonicMs() + aheadMs;

  function arm(timer: Omit<Timer, "armed">): Disposable {
    return systemClock.after(Math.max(0, timer.dueMs - monotonicMs()), () => {
      timers.delete(timer as Timer);
      timer.run();
    });
  }

  /** Those who are due first are armed first, so that they run first. */
  function rearm() {
    for (const timer of [...timers].sort((one, other) => one.dueMs - other.dueMs)) {
      timer.armed[Symbol.dispose]();
      timer.armed = arm(timer);
    }
  }

  return {
    nowMs: () => systemClock.nowMs() + aheadMs,
    monotonicMs,
    after(delayMs, run) {
      const due = { dueMs: monotonicMs() + delayMs, run };
      const timer: Timer = Object.assign(due, { armed: arm(due) });
      timers.add(timer);
      return {
        [Symbol.dispose]() {
          timers.delete(timer);
          timer.armed[Symbol.dispose]();
        },
      };
    },
    nextTurn: systemClock.nextTurn,
    async leap(ms) {
      for (let leftMs = ms; leftMs > 0; leftMs -= stepMs) {
        aheadMs += Math.min(stepMs, leftMs);
        rearm();
        await new Promise((resolve) => setTimeout(resolve, breathMs));
      }
    },
    get pending() {
      return timers.size;
    },
  };
}
