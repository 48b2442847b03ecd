import { spawn } from "node:child_process";
import { once } from "node:events";

/**
 * Stops processes (SIGSTOP) until it is disposed of (SIGCONT). A shell of its own sees to the end, so that nothing stays stopped
 * even if this process is killed.
 */
export async function freeze(pids: readonly number[]): Promise<AsyncDisposable> {
  const script = `kill -STOP "$@" 2> /dev/null; echo stopped; cat > /dev/null; kill -CONT "$@" 2> /dev/null; true`;
  const guard = spawn("/bin/sh", ["-c", script, "freeze", ...pids.map(String)], {
    detached: true, // Ctrl-C in a terminal must not end it before it has done its work
    stdio: ["pipe", "pipe", "ignore"],
  });
  await once(guard.stdout, "data");
  return {
    async [Symbol.asyncDispose]() {
      const gone = once(guard, "exit");
      guard.stdin.end();
      await gone;
    },
  };
}
