import { systemClock } from "../../../runtime/clock.js";

/** What takes longer says how far it has come, so often, in milliseconds. */
const everyMs = 2_000;

/** Waits for `work`, and calls `tell` every two seconds until it is done. */
export async function tellMeanwhile<Result>(work: Promise<Result>, tell: () => void): Promise<Result> {
  let timer: Disposable;
  const arm = () => {
    timer = systemClock.after(everyMs, () => {
      arm();
      tell();
    });
  };
  arm();
  return await work.finally(() => timer[Symbol.dispose]());
}
