import type { Clock } from "../../../runtime/clock.js";
import type { Scheduler } from "./scheduler.js";

/** 2025-06-01 UTC: when every run begins. */
export const epochMs = Date.UTC(2025, 5, 1);

/**
 * A process, as far as time and death concern it. Whatever reaches it comes through `run` or through its clock, so a killed one
 * never acts again, and a paused one (SIGSTOP) acts late.
 */
export interface SimNode {
  readonly name: string;
  readonly clock: Clock;
  readonly isAlive: boolean;
  readonly isPaused: boolean;
  /** Timers that are set and have not run. */
  readonly timers: number;
  /** Runs `task` now; once it goes on if it is paused; never if it is dead. */
  run(task: () => void): void;
  /** Stops it for this long. Pauses that overlap end with the last one. */
  pause(forMs: number): void;
  /** Ends a pause at once. */
  resume(): void;
  kill(): void;
  /** Steps its wall clock. */
  stepWall(ms: number): void;
}

export type NodeSettings = Readonly<{
  name: string;
  scheduler: Scheduler;
  /** How far its wall clock is off, in milliseconds. */
  wallSkewMs: number;
  /** How long a turn of its event loop takes, in milliseconds. */
  turnMs(): number;
}>;

/** Where its monotonic clock begins is its own: what one process measures means nothing to another. */
export function createSimNode({ name, scheduler, wallSkewMs, turnMs }: NodeSettings): SimNode {
  const startedMs = scheduler.nowMs;
  let state: "running" | "paused" | "dead" = "running";
  let resumesAtMs = 0;
  let skewMs = wallSkewMs;
  let timers = 0;
  let waiting: (() => void)[] = [];

  function run(task: () => void) {
    if (state === "running") task();
    else if (state === "paused") waiting.push(task);
  }

  function resume() {
    if (state !== "paused") return;
    state = "running";
    const tasks = waiting;
    waiting = [];
    for (const task of tasks) scheduler.after(0, () => run(task));
  }

  function after(delayMs: number, task: () => void): Disposable {
    let isSet = true;
    const unset = () => {
      if (isSet) timers--;
      isSet = false;
    };
    timers++;
    const fire = () => {
      if (!isSet) return;
      unset();
      task();
    };
    const planned = scheduler.after(delayMs, () => run(fire));
    return {
      [Symbol.dispose]() {
        unset();
        planned.cancel();
      },
    };
  }

  return {
    name,
    clock: {
      nowMs: () => epochMs + Math.floor(scheduler.nowMs + skewMs),
      monotonicMs: () => 1_000 + scheduler.nowMs - startedMs,
      after,
      nextTurn: (task) => after(turnMs(), task),
    },
    get isAlive() {
      return state !== "dead";
    },
    get isPaused() {
      return state === "paused";
    },
    get timers() {
      return timers;
    },
    run,
    pause(forMs) {
      if (state === "dead") return;
      state = "paused";
      resumesAtMs = Math.max(resumesAtMs, scheduler.nowMs + forMs);
      scheduler.at(resumesAtMs, () => scheduler.nowMs >= resumesAtMs && resume());
    },
    resume,
    kill() {
      state = "dead";
      waiting = [];
    },
    stepWall(ms) {
      skewMs += ms;
    },
  };
}

/** A promise for those whose process has died meanwhile. */
export function never<T>(): Promise<T> {
  return new Promise(() => {});
}
