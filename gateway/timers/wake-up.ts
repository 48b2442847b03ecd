import type { Timers } from "./timers.js";

/** One deadline that is put off far more often than it is met: the timer stays where it is, and looks again when it has run. */
export interface WakeUp extends Disposable {
  /** To be woken at `atMs` on the monotonic clock, or before. Undefined: not at all. */
  arm(atMs: number | undefined): void;
}

/** @param wake has to arm it again, with the deadline as it then is. */
export function createWakeUp(timers: Pick<Timers, "at">, wake: () => void): WakeUp {
  let armed: { atMs: number; timer: Disposable } | undefined;

  function disarm() {
    armed?.timer[Symbol.dispose]();
    armed = undefined;
  }

  return {
    arm(atMs) {
      if (atMs === undefined) return disarm();
      if (armed && armed.atMs <= atMs) return;
      disarm();
      const timer = timers.at(atMs, () => {
        armed = undefined;
        wake();
      });
      armed = { atMs, timer };
    },
    [Symbol.dispose]: disarm,
  };
}
