import { appendFile } from "node:fs/promises";
import { startUp, type TidewireProcess } from "../support/tidewire-process.js";

/** `tidewire up` in a process of its own, again and again, always on the same port. Its disposal kills it. */
export interface Server extends AsyncDisposable {
  readonly pid: number;
  /** "http://127.0.0.1:…" */
  readonly url: string;
  /** SIGKILL; returns when the process is gone. */
  kill(): Promise<void>;
  /** SIGTERM; returns when the process is gone. */
  stop(): Promise<void>;
  /** Returns when it is ready. */
  restart(): Promise<void>;
}

export type ServerOptions = Readonly<{
  dataDir: string;
  env: Readonly<Record<string, string>>;
  /** What all the processes have written is collected here. */
  logFile: string;
  /** Called when the process ends although nobody has ended it. */
  onProblem: (problem: string) => void;
}>;

/** A stop that takes longer is a problem. In milliseconds. */
const stopMaxMs = 35_000;

export async function startServer({ dataDir, env, logFile, onProblem }: ServerOptions): Promise<Server> {
  let ending: TidewireProcess | undefined;
  let server = await start();
  const killNow = () => server.signal("SIGKILL");
  process.once("exit", killNow); // whatever ends the run

  async function start(): Promise<TidewireProcess> {
    const started = startUp(dataDir, { env });
    void started.exited.then(async ({ code, signal }) => {
      if (ending !== started) onProblem(`the server ended by itself (${signal ?? code}):\n${started.output}`);
      await appendFile(logFile, started.output);
    });
    await started.ready;
    return started;
  }

  async function end(signal: NodeJS.Signals): Promise<number> {
    const fromMs = performance.now();
    ending = server;
    server.signal(signal);
    await server.exited;
    return performance.now() - fromMs;
  }

  return {
    get pid() {
      return server.pid;
    },
    url: (await server.ready).url,
    async kill() {
      await end("SIGKILL");
    },
    async stop() {
      const tookMs = await end("SIGTERM");
      if (tookMs > stopMaxMs) onProblem(`the server took ${Math.round(tookMs)} ms to stop`);
    },
    async restart() {
      server = await start();
    },
    async [Symbol.asyncDispose]() {
      ending = server;
      process.off("exit", killNow);
      await server[Symbol.asyncDispose]();
    },
  };
}
