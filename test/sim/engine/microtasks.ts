/**
 * Runs every microtask that waits, and those that they lead to, before it returns: shipped code awaits promises, and one event
 * of the simulator must have ended before the next one begins. A turn of `setImmediate` would do the same at fifty times the
 * price. Does nothing inside a microtask, so the simulator is started from a macrotask (`runInMacrotask`).
 */
export const drainMicrotasks: () => void = findDrain();

/** Calls `run` from a macrotask, where `drainMicrotasks` works. */
export function runInMacrotask<T>(run: () => T): Promise<T> {
  return new Promise((resolve, reject) => {
    setImmediate(() => {
      try {
        resolve(run());
      } catch (error) {
        reject(error);
      }
    });
  });
}

/** What Node itself calls between two callbacks: microtasks, `nextTick`, and rejections that nobody handles. */
function findDrain(): () => void {
  const { _tickCallback } = process as unknown as { _tickCallback?: () => void };
  if (!_tickCallback) throw new Error("this Node has no process._tickCallback, which the simulator rests on");
  return _tickCallback;
}
