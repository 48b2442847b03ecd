import type { Timers } from "./timers.js";

/** One deadline that is put off far more often than it is met: the timer stays where it is, and looks again when it has run. */
export interface WakeUp extends Disposable {
  /** To be woken at `atMs` on the monotonic clock, or before. Undefined: not at all. */
  arm(atMs: number | undefined): void;
}

/** @param wake has to arm it again, with the deadline as it then is. */
export function createWakeUp(timers: Pick<Timers, "at">, wake: () => void): WakeUp {
  return new Alarm(timers, wake);
}

class Alarm implements WakeUp {
  readonly #timers: Pick<Timers, "at">;
  readonly #wake: () => void;
  /** The same for every timer. */
  readonly #ring = () => this.#run();
  #timer: Disposable | undefined;
  #atMs = 0;

  constructor(timers: Pick<Timers, "at">, wake: () => void) {
    this.#timers = timers;
    this.#wake = wake;
  }

  arm(atMs: number | undefined): void {
    if (atMs === undefined) return this[Symbol.dispose]();
    if (this.#timer && this.#atMs <= atMs) return;
    this[Symbol.dispose]();
    this.#timer = this.#timers.at(atMs, this.#ring);
    this.#atMs = atMs;
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }

  #run(): void {
    this.#timer = undefined;
    this.#wake();
  }
}
