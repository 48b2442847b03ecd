/** The only source of time, so that a test can own it. */
export interface Clock {
  /** Wall clock, in milliseconds since 1970-01-01 UTC. May step. */
  nowMs(): number;
  /** Never steps back, in milliseconds since an arbitrary start. */
  monotonicMs(): number;
  /** Calls `run` once after `delayMs`, unless disposed of before. */
  after(delayMs: number, run: () => void): Disposable;
}

/** Timers of this length and more overflow in browsers and Node, and would fire at once. */
const timerMaxMs = 2 ** 31 - 1;

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, Math.min(delayMs, timerMaxMs));
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
};
