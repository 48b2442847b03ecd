import { sleep, systemClock } from "../../../runtime/clock.js";

const pollMs = 5;

/** False if time was up first. */
export async function until(isTrue: () => boolean, withinMs: number): Promise<boolean> {
  const deadlineMs = systemClock.monotonicMs() + withinMs;
  while (!isTrue()) {
    if (systemClock.monotonicMs() > deadlineMs) return false;
    await sleep(systemClock, pollMs);
  }
  return true;
}
