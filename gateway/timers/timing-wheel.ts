/**
 * Many timers for the price of few: a hashed timing wheel. Setting, disposing of and running one timer each take constant
 * time, however many there are. It has no clock of its own: `advance` says what time it is.
 * Source: Varghese and Lauck, "Hashed and Hierarchical Timing Wheels" (1987), scheme 6.
 */
export interface TimingWheel {
  /** Calls `run` at the first `advance` to `atMs` or later, unless disposed of before. Never early, late by less than a tick. */
  schedule(atMs: number, run: () => void): Disposable;
  /** Runs what is due, that of earlier ticks first. What is set meanwhile runs at the next advance at the earliest. */
  advance(nowMs: number): void;
  /** When something may be due next. Undefined: nothing is set. Never later than the earliest timer's tick. */
  nextMs(): number | undefined;
  /** Timers that are set. */
  readonly size: number;
}

export type TimingWheelOptions = Readonly<{
  tickMs: number;
  /** More slots than there are ticks until most timers are due keep every slot short. */
  slots: number;
  /** The time at which it begins. */
  nowMs: number;
}>;

/** In the slot that it lies in until it has run, or is disposed of. */
class Timer implements Disposable {
  readonly dueTick: number;
  readonly run: () => void;
  readonly #remove: (timer: Timer) => void;

  constructor(dueTick: number, run: () => void, remove: (timer: Timer) => void) {
    this.dueTick = dueTick;
    this.run = run;
    this.#remove = remove;
  }

  [Symbol.dispose](): void {
    this.#remove(this);
  }
}

export function createTimingWheel({ tickMs, slots, nowMs }: TimingWheelOptions): TimingWheel {
  const wheel = Array.from({ length: slots }, () => new Set<Timer>());
  let tick = Math.floor(nowMs / tickMs);
  let size = 0;

  const slotOf = (dueTick: number) => wheel[dueTick % slots] as Set<Timer>;

  function remove(timer: Timer): boolean {
    const isSet = slotOf(timer.dueTick).delete(timer);
    if (isSet) size--;
    return isSet;
  }

  /** A whole turn of the wheel passes every slot once; more turns would only pass them again. */
  function collectDue(untilTick: number): Timer[] {
    const due: Timer[] = [];
    const firstTick = Math.max(tick + 1, untilTick - slots + 1);
    for (let passed = firstTick; passed <= untilTick; passed++) {
      for (const timer of slotOf(passed)) if (timer.dueTick <= untilTick) due.push(timer);
    }
    return untilTick - tick > slots ? due.sort((a, b) => a.dueTick - b.dueTick) : due;
  }

  return {
    schedule(atMs, run) {
      const timer = new Timer(Math.max(tick + 1, Math.ceil(atMs / tickMs)), run, remove);
      slotOf(timer.dueTick).add(timer);
      size++;
      return timer;
    },
    advance(nowMs) {
      const untilTick = Math.floor(nowMs / tickMs);
      if (untilTick <= tick) return;
      const due = size === 0 ? [] : collectDue(untilTick);
      tick = untilTick;
      for (const timer of due) if (remove(timer)) timer.run(); // one may dispose of a later one
    },
    nextMs() {
      if (size === 0) return undefined;
      for (let ahead = tick + 1; ahead <= tick + slots; ahead++) if (slotOf(ahead).size > 0) return ahead * tickMs;
      return (tick + slots) * tickMs;
    },
    get size() {
      return size;
    },
  };
}
