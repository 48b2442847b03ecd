import type { Clock } from "../../../runtime/clock.js";

/** Counts down to the last of what a round waits for. */
export interface Countdown {
  /** Resolves at zero, or when the time is over. Rejects when it fails. */
  readonly done: Promise<"complete" | "overdue">;
  count(amount: number): void;
  /** From now on it waits so long at most, whatever it was told before. */
  limit(timeoutMs: number): void;
  fail(reason: string): void;
}

export function createCountdown(total: number, { clock, timeoutMs }: { clock: Clock; timeoutMs: number }): Countdown {
  let missing = total;
  let resolve: (outcome: "complete" | "overdue") => void = () => {};
  let reject: (error: Error) => void = () => {};
  const settled = new Promise<"complete" | "overdue">((...settle) => {
    [resolve, reject] = settle;
  });
  const arm = (afterMs: number) => clock.after(afterMs, () => resolve("overdue"));
  let timer = arm(timeoutMs);
  return {
    done: settled.finally(() => timer[Symbol.dispose]()),
    count(amount) {
      missing -= amount;
      if (missing <= 0) resolve("complete");
    },
    limit(afterMs) {
      timer[Symbol.dispose]();
      timer = arm(afterMs);
    },
    fail: (reason) => reject(new Error(reason)),
  };
}
