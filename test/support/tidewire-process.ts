import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** How a process ended: by itself with a code, or by a signal. */
export type Exit = Readonly<{ code: number | null; signal: NodeJS.Signals | null }>;

/** Where a server that has said welcome can be reached. */
export type Addresses = Readonly<{ url: string; webSocketUrl: string; metricsUrl: string }>;

/** The real command in a process of its own. Disposing of it kills it, if it still runs. */
export interface TidewireProcess extends AsyncDisposable {
  readonly pid: number;
  /** Everything that it has written so far, both streams, as it came. */
  readonly output: string;
  /** Resolves when the output matches; rejects with the output if the process ends without that. */
  printed(pattern: RegExp): Promise<RegExpExecArray>;
  /** Resolves when the server has said welcome; rejects with the output if the process ends before. */
  readonly ready: Promise<Addresses>;
  readonly exited: Promise<Exit>;
  signal(name: NodeJS.Signals): void;
}

export interface TidewireOptions {
  /** Variables to set; none of this process's own TIDEWIRE_… variables is passed on. */
  env?: Readonly<Record<string, string>>;
  /** Default: this process's. */
  cwd?: string;
}

/** The command as it was compiled along with this file. */
const command = fileURLToPath(new URL("../../tools/tidewire.js", import.meta.url));

/** Starts `tidewire` with these arguments. */
function startTidewire(argv: readonly string[], { env = {}, cwd }: TidewireOptions = {}): TidewireProcess {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("TIDEWIRE_"));
  const child = spawn(process.execPath, [command, ...argv], {
    cwd,
    env: { ...Object.fromEntries(inherited), ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const waiting = new Set<() => void>();
  let output = "";
  let exit: Exit | undefined;
  const wake = () => {
    for (const look of waiting) look();
  };
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      wake();
    });
  }
  // "close" comes after "exit", once all output is here.
  const exited = once(child, "close").then(([code, signal]): Exit => {
    exit = { code, signal };
    wake();
    return exit;
  });

  function printed(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const match = pattern.exec(output);
        if (match) resolve(match);
        else if (exit)
          reject(new Error(`it ended with ${exit.code ?? exit.signal} before it said ${pattern}:\n${output}`));
        else return;
        waiting.delete(look);
      };
      waiting.add(look);
      look();
    });
  }

  const ready = printed(/is ready after[\s\S]*Ctrl-C stops it/).then(() => toAddresses(output));
  ready.catch(() => {}); // those who wait for it hear of it
  return {
    pid: child.pid ?? 0,
    get output() {
      return output;
    },
    printed,
    ready,
    exited,
    signal: (name) => void child.kill(name),
    async [Symbol.asyncDispose]() {
      if (!exit) child.kill("SIGKILL");
      await exited;
    },
  };
}

/** `tidewire up` on free ports, with its data in `dataDir`. */
export function startUp(
  dataDir: string,
  options: TidewireOptions & { argv?: readonly string[] } = {},
): TidewireProcess {
  const { argv = [], env = {}, ...rest } = options;
  const quiet = { TIDEWIRE_PORT: "0", TIDEWIRE_METRICS_PORT: "0", TIDEWIRE_LOG_FORMAT: "json" };
  return startTidewire(["up", "--data", dataDir, ...argv], { ...rest, env: { ...quiet, ...env } });
}

/** Runs a command to its end. */
export async function runTidewire(
  argv: readonly string[],
  options?: TidewireOptions,
): Promise<Exit & { output: string }> {
  const tidewire = startTidewire(argv, options);
  return { ...(await tidewire.exited), output: tidewire.output };
}

/** An empty directory that goes with its disposal. */
export async function createTemporaryDirectory(): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(tmpdir(), "tidewire-process-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

function toAddresses(welcome: string): Addresses {
  const find = (pattern: RegExp) => pattern.exec(welcome)?.[1] ?? "";
  return {
    url: find(/servers\s+(http\S+)/),
    webSocketUrl: find(/devices\s+(ws\S+)/),
    metricsUrl: find(/metrics\s+(http\S+)/),
  };
}
