import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { type Caller, createCaller, type Handlers } from "./calls.js";

/** A process that the benchmark has started. Its disposal stops it, first in order and after a while by force. */
export interface OwnProcess extends AsyncDisposable {
  readonly pid: number;
  /** Processor time of all its threads so far, in milliseconds; undefined where the system does not tell (not Linux). */
  cpuMs(): number | undefined;
  /** Resolves when it has ended, with what it last wrote to its standard error. */
  readonly ended: Promise<string>;
}

/** How long a process may take to end after it was told to, in milliseconds. */
const stopMs = 10_000;
/** How much of a process's output is kept, in characters. */
const tailMax = 4_000;

const running = new Set<ChildProcess>();
// Whatever ends the benchmark: nothing that it started outlives it.
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

export type ProcessOptions = Readonly<{
  /** Kills the process when it is aborted. */
  signal: AbortSignal;
  /** Where to write CPU profiles, one for each thread, or undefined. */
  profileDirectory: string | undefined;
  /** Where its inspector is to listen, on loopback, if it is to have one. */
  inspectPort?: number | undefined;
}>;

/** Forks `module`, a compiled file that serves calls. */
export function forkHelper<Served extends Handlers>(module: URL, options: ProcessOptions): Helper<Served> {
  const child = fork(fileURLToPath(module), {
    execArgv: nodeFlags(options),
    serialization: "advanced",
    detached: true, // Ctrl-C in a terminal reaches the benchmark alone, which stops the others in order
    signal: options.signal,
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  return { ...own(child), call: createCaller<Served>(child, basename(module.pathname, ".js")) };
}

/** A process that serves calls. */
export type Helper<Served extends Handlers> = OwnProcess & Readonly<{ call: Caller<Served> }>;

/** Runs a compiled program of ours with these variables and no others. */
export function startProgram(
  args: readonly string[],
  { env, ...options }: ProcessOptions & { env: Record<string, string> },
): OwnProcess {
  const { signal } = options;
  const argv = [...nodeFlags(options), ...args];
  const child = spawn(process.execPath, argv, { env, detached: true, signal, stdio: ["ignore", "ignore", "pipe"] });
  guard(child);
  return own(child);
}

/** Kills a program as soon as this process is gone, however that died. A helper ends by itself when its channel does. */
function guard(child: ChildProcess): void {
  if (child.pid === undefined) return;
  const script = 'cat > /dev/null; kill -KILL "$0"';
  const watcher = spawn("/bin/sh", ["-c", script, String(child.pid)], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  watcher.unref();
  child.once("close", () => watcher.kill("SIGKILL"));
}

function nodeFlags({ profileDirectory, inspectPort }: ProcessOptions): string[] {
  const profile = profileDirectory === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profileDirectory}`];
  const inspect = inspectPort === undefined ? [] : [`--inspect=127.0.0.1:${inspectPort}`];
  return [...profile, ...inspect];
}

function own(child: ChildProcess): OwnProcess {
  running.add(child);
  let tail = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    tail = (tail + text).slice(-tailMax);
  });
  const closed = new Promise<void>((resolve) => {
    child.once("close", () => resolve());
    child.once("error", () => resolve()); // it could not be started, or the signal has killed it
  });
  const ended = closed.then(() => {
    running.delete(child);
    return tail.trim();
  });
  return {
    pid: child.pid ?? 0,
    cpuMs: () => cpuMsOf(child.pid ?? 0),
    ended,
    async [Symbol.asyncDispose]() {
      await stop(child);
    },
  };
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const exited = once(child, "exit");
  if (child.connected) child.disconnect();
  else child.kill("SIGTERM");
  const force = setTimeout(() => child.kill("SIGKILL"), stopMs);
  await exited;
  clearTimeout(force);
}

/**
 * Processor time that a process has used so far, all its threads, in milliseconds; undefined if the system does not tell.
 * /proc/<pid>/stat would count in steps of 10 ms, a fifth of a round. Source: the kernel's sched-stats documentation.
 */
export function cpuMsOf(pid: number): number | undefined {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    return threads.reduce((sum, thread) => sum + runNs(`/proc/${pid}/task/${thread}/schedstat`), 0) / 1e6;
  } catch {
    return undefined;
  }
}

function runNs(path: string): number {
  return Number(readFileSync(path, "utf8").split(" ", 1)[0]);
}
