import type { Clock } from "../../runtime/clock.js";
import type { Leases } from "../../runtime/fabric/fabric.js";
import type { Logger } from "../../runtime/log.js";

/** Something that is to be done time and again, by one process among many. */
export type LoneTask = Readonly<{
  /** Names the lease, and the task in logs. */
  name: string;
  /** From the end of one attempt to the next, in milliseconds. */
  everyMs: number;
  /** How long the others wait for a process that has died, in milliseconds. Several times `everyMs`. */
  leaseMs: number;
  /** Ought to give up when `signal` is aborted. */
  run(signal: AbortSignal): Promise<void>;
}>;

export type RunAloneDeps = Readonly<{
  leases: Leases;
  /** Names this process. */
  owner: string;
  clock: Clock;
  log: Logger;
}>;

/**
 * Runs a task whenever this process holds its lease, for the first time after `everyMs`. A failure is logged, and the next
 * attempt follows. A run that outlives the lease may meet that of another process, so nothing may depend on being alone.
 * Disposing of it stops it, waits for what is under way, and gives the lease back.
 */
export function runAlone(task: LoneTask, { leases, owner, clock, log }: RunAloneDeps): AsyncDisposable {
  const stopped = new AbortController();
  let attempt: Promise<void> = Promise.resolve();
  let timer = clock.after(task.everyMs, begin);

  function begin() {
    attempt = runIfHeld()
      .catch((cause: unknown) => log.warn({ err: cause, lease: task.name }, "task failed; the next attempt follows"))
      .then(() => {
        if (!stopped.signal.aborted) timer = clock.after(task.everyMs, begin);
      });
  }

  async function runIfHeld() {
    if (await leases.acquire(task.name, owner, task.leaseMs)) await task.run(stopped.signal);
  }

  return {
    async [Symbol.asyncDispose]() {
      stopped.abort();
      timer[Symbol.dispose]();
      await attempt;
      await leases.release(task.name, owner).catch((cause: unknown) => {
        log.warn({ err: cause, lease: task.name }, "lease not given back; it runs out");
      });
    },
  };
}
