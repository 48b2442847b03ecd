import type { Clock } from "../../../runtime/clock.js";

/** Counts down to the last of what a round waits for. */
export interface Countdown {
  /** Resolves at zero, or when the time is over. Rejects when it fails. */
  readonly done: Promise<"complete" | "overdue">;
  count(amount: number): void;
  fail(reason: string): void;
}

export function createCountdown(total: number, { clock, timeoutMs }: { clock: Clock; timeoutMs: number }): Countdown {
  let missing = total;
  let resolve: (outcome: "complete" | "overdue") => void = () => {};
  let reject: (error: Error) => void = () => {};
  const settled = new Promise<"complete" | "overdue">((...settle) => {
    [resolve, reject] = settle;
  });
  const timer = clock.after(timeoutMs, () => resolve("overdue"));
  return {
    done: settled.finally(() => timer[Symbol.dispose]()),
    count(amount) {
      missing -= amount;
      if (missing <= 0) resolve("complete");
    },
    fail: (reason) => reject(new Error(reason)),
  };
}
