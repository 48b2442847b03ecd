import { sleep, systemClock } from "../../../runtime/clock.js";

/** Asks every few milliseconds; false if time was up first. */
export async function until(isTrue: () => boolean | Promise<boolean>, withinMs: number, pollMs = 5): Promise<boolean> {
  const deadlineMs = systemClock.monotonicMs() + withinMs;
  while (!(await isTrue())) {
    if (systemClock.monotonicMs() > deadlineMs) return false;
    await sleep(systemClock, pollMs);
  }
  return true;
}
