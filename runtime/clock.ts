/** The only source of time, so that a test or the simulator can own it. */
export interface Clock {
  /** Wall clock, in milliseconds since 1970-01-01 UTC. May step. For timestamps that leave the process. */
  nowMs(): number;
  /** Never steps back, in milliseconds since an arbitrary start. For intervals and deadlines. */
  monotonicMs(): number;
  /** Calls `run` once after `delayMs`, unless disposed of before. */
  after(delayMs: number, run: () => void): Disposable;
  /** Calls `run` once in the next turn of the event loop, when everything that has arrived in this one has been read. */
  nextTurn(run: () => void): Disposable;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
  nextTurn(run) {
    const turn = setImmediate(run);
    return { [Symbol.dispose]: () => clearImmediate(turn) };
  },
};

/** Resolves after `delayMs`, or rejects with the signal's reason as soon as it is aborted. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const timer = clock.after(delayMs, () => {
      signal?.removeEventListener("abort", abort);
      resolve();
    });
    const abort = () => {
      timer[Symbol.dispose]();
      reject(signal?.reason);
    };
    signal?.addEventListener("abort", abort, { once: true });
  });
}
