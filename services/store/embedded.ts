import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Worker } from "node:worker_threads";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { TidewireError } from "../../runtime/error.js";
import { lockDirectory } from "./directory-lock.js";
import type { EmbeddedCommand, EmbeddedReport } from "./embedded-worker.js";
import { socketPath } from "./socket-path.js";
import type { StoreLog } from "./store-log.js";

/** How long the database may take to flush and stop, in milliseconds. */
const stopTimeoutMs = 10_000;
/** `sun_path` of unix(7) has 108 bytes on Linux and 104 on macOS, one of them for the final NUL. */
const socketPathMaxBytes = 103;

export interface EmbeddedDatabase extends AsyncDisposable {
  /** Holds the socket (see `socketPath`); nobody but this user can enter it. */
  readonly socketDirectory: string;
  /** Aborted when the database has ended by itself. */
  readonly died: AbortSignal;
}

/**
 * Starts an embedded PostgreSQL (PGlite) in a worker thread on `<directory>/store`, creating it on the first start.
 * Survives a killed process: the next start recovers from the write-ahead log. Sets the umask of the whole process to 077.
 * @throws TidewireError `UNAVAILABLE` if another process uses the directory; `FORBIDDEN` if it cannot be written; `INTERNAL`
 * if the database does not start.
 */
export async function openEmbedded(directory: string, log: StoreLog): Promise<EmbeddedDatabase> {
  const lock = await lockDirectory(directory);
  process.umask(0o077); // the database creates its files with mode 0666; a worker cannot set the umask
  try {
    const socketDirectory = await createSocketDirectory(directory);
    const command = { dataDirectory: join(directory, "store"), socket: socketPath(socketDirectory) };
    const worker = startWorker(command);
    await worker.ready;
    const died = new AbortController();
    let stopping = false;
    void worker.ended.then(() => {
      if (stopping) return;
      log.error({}, "embedded database died; restart to recover");
      died.abort(new TidewireError(ErrorCode.UNAVAILABLE, "the embedded database died"));
    });
    return {
      socketDirectory,
      died: died.signal,
      async [Symbol.asyncDispose]() {
        stopping = true;
        await worker.stop();
        await rm(socketDirectory, { recursive: true, force: true });
        await lock[Symbol.asyncDispose]();
      },
    };
  } catch (thrown) {
    await lock[Symbol.asyncDispose]();
    throw thrown;
  }
}

/**
 * The directory's mode is all that protects the database: its server accepts any password. It lies in the data directory, where
 * an operator finds it, unless the socket's path would become too long.
 */
async function createSocketDirectory(directory: string): Promise<string> {
  const within = join(resolve(directory), "socket");
  if (Buffer.byteLength(socketPath(within)) > socketPathMaxBytes) return mkdtemp(join(tmpdir(), "tidewire-"));
  await rm(within, { recursive: true, force: true }); // a killed process leaves its socket behind
  await mkdir(within, { mode: 0o700 });
  return within;
}

type RunningWorker = Readonly<{
  /** Resolves when the database answers. */
  ready: Promise<void>;
  /** Resolves when the thread is gone, however that came about. */
  ended: Promise<void>;
  /** Lets the database flush and end; kills it if that takes too long, which it survives. */
  stop: () => Promise<void>;
}>;

function startWorker(command: EmbeddedCommand): RunningWorker {
  const worker = new Worker(new URL("./embedded-worker.js", import.meta.url), { workerData: command });
  const ended = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
  const ready = new Promise<void>((resolve, reject) => {
    worker.once("message", (report: EmbeddedReport) => {
      if (report.kind === "ready") return resolve();
      reject(startFailure(command, report.reason));
      void worker.terminate();
    });
    worker.on("error", (cause) => reject(startFailure(command, cause)));
    void ended.then(() => reject(startFailure(command, "it ended at once")));
  });
  return {
    ready,
    ended,
    async stop() {
      const timer = setTimeout(() => void worker.terminate(), stopTimeoutMs);
      worker.postMessage("stop");
      await ended;
      clearTimeout(timer);
    },
  };
}

function startFailure({ dataDirectory }: EmbeddedCommand, cause: unknown): TidewireError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const message =
    `the embedded database in ${dataDirectory} does not start: ${reason}. ` +
    "Restore it from a backup, or move the directory away to begin with an empty one.";
  return new TidewireError(ErrorCode.INTERNAL, message, { cause });
}
