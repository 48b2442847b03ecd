import type { Clock } from "../../runtime/clock.js";

/** A clock that stands still until a test moves it. */
export interface ManualClock extends Clock {
  /** Moves both clocks on by `ms` and runs the timers that fall due on the way, each at its own time, oldest first. */
  advance(ms: number): void;
  /** As `advance`, but lets promises settle before the first and after each timer. For code that awaits between timers. */
  settle(ms?: number): Promise<void>;
  /** Steps the wall clock alone, back if `ms` is negative. No timer notices. */
  stepWall(ms: number): void;
  /** Timers that are set and have not run yet. */
  readonly pending: number;
}

type Timer = { dueMs: number; order: number; run: () => void };

/** Starts at 2025-06-01 UTC unless told otherwise. Its monotonic side starts at 0. */
export function createManualClock(options: { startMs?: number } = {}): ManualClock {
  let wallMs = options.startMs ?? Date.UTC(2025, 5, 1);
  let nowMs = 0;
  let order = 0;
  const timers = new Set<Timer>();

  const moveTo = (ms: number) => {
    wallMs += ms - nowMs;
    nowMs = ms;
  };
  const takeDue = (untilMs: number): Timer | undefined => {
    let next: Timer | undefined;
    for (const timer of timers)
      if (timer.dueMs <= untilMs && (next === undefined || isBefore(timer, next))) next = timer;
    if (next === undefined) return undefined;
    timers.delete(next);
    moveTo(Math.max(nowMs, next.dueMs));
    return next;
  };

  return {
    nowMs: () => wallMs,
    monotonicMs: () => nowMs,
    after(delayMs, run) {
      const timer = { dueMs: nowMs + Math.max(0, delayMs), order: order++, run };
      timers.add(timer);
      return { [Symbol.dispose]: () => void timers.delete(timer) };
    },
    nextTurn(run) {
      const turn = setImmediate(run); // turns of the event loop are not time
      return { [Symbol.dispose]: () => clearImmediate(turn) };
    },
    advance(ms) {
      const untilMs = nowMs + ms;
      for (let timer = takeDue(untilMs); timer; timer = takeDue(untilMs)) timer.run();
      moveTo(untilMs);
    },
    async settle(ms = 0) {
      const untilMs = nowMs + ms;
      await turnOfEventLoop();
      for (let timer = takeDue(untilMs); timer; timer = takeDue(untilMs)) {
        timer.run();
        await turnOfEventLoop();
      }
      moveTo(untilMs);
    },
    stepWall(ms) {
      wallMs += ms;
    },
    get pending() {
      return timers.size;
    },
  };
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);
}

function turnOfEventLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
