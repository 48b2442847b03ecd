import { fileURLToPath } from "node:url";
import type { MessagePort } from "node:worker_threads";
import { Code, ConnectError } from "@connectrpc/connect";
import { createAsyncIterable, type UniversalClientFn } from "@connectrpc/connect/protocol";
import { Piscina } from "piscina";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { TidewireError } from "../../runtime/error.js";
import { type ServicesFabric, toFabricHandlers } from "../../runtime/fabric/port-fabric.js";
import type { Logger } from "../../runtime/log.js";
import { openPortCalls, type PortCaller } from "../../runtime/port-calls.js";
import {
  readWhole,
  type ThreadRequest,
  type ThreadResponse,
  type ThreadSettings,
  threadCallsMax,
} from "./thread-request.js";

/** Threads that work on calls about messages, each with connections of its own to the database. */
export interface ThreadPool extends AsyncDisposable {
  /** Has a call done by a thread. Rejects with UNAVAILABLE if the thread ends meanwhile. */
  readonly client: UniversalClientFn;
  /** What the threads have counted: a registry as JSON for each. */
  collectMetrics(): Promise<object[][]>;
}

export type ThreadPoolOptions = Readonly<{
  threads: number;
  settings: ThreadSettings;
  /** The fabric of this thread, which serves the others as well. */
  fabric: ServicesFabric;
  log: Logger;
}>;

const threadModule = fileURLToPath(new URL("./service-thread.js", import.meta.url));

/**
 * Starts the threads. Disposing of the pool waits for the calls under way.
 * @throws TidewireError `UNAVAILABLE` if a thread does not start.
 */
export async function startThreadPool({ threads, settings, fabric, log }: ThreadPoolOptions): Promise<ThreadPool> {
  const links = new Map<MessagePort, PortCaller>();
  const pool = new Piscina<ThreadRequest, ThreadResponse>({
    filename: threadModule,
    name: "serve",
    minThreads: threads,
    maxThreads: threads,
    concurrentTasksPerWorker: threadCallsMax,
    atomics: "disabled", // a thread that waits for its next call has to hear from the database, too
    workerData: settings,
  });
  const linked = new Promise<void>((resolve, reject) => {
    pool.on("message", ({ link }: { link: MessagePort }) => {
      links.set(link, openPortCalls(link, toFabricHandlers(fabric)));
      link.on("close", () => links.delete(link));
      if (links.size === threads) resolve();
    });
    pool.on("error", (error: unknown) => {
      log.error({ err: error }, "a thread of the services ended");
      reject(startError(error));
    });
  });
  linked.catch(() => {}); // a thread that ends later concerns its calls alone
  try {
    await linked;
  } catch (error) {
    await pool.destroy();
    throw error;
  }

  return {
    async client({ url, header, body, signal }) {
      const request = { url, header: [...header], body: await readWhole(body) };
      const answered = pool.run(request, { transferList: [request.body.buffer as ArrayBuffer] }).catch(toUnavailable);
      const response = await unlessAborted(answered, signal);
      return {
        status: response.status,
        header: new Headers(response.header.map(([name, value]) => [name, value])),
        body: createAsyncIterable([response.body]),
        trailer: new Headers(),
      };
    },
    collectMetrics: () => Promise.all([...links.values()].map((call) => call("metrics", []))),
    async [Symbol.asyncDispose]() {
      await pool.close();
      await Promise.all([...links.values()].map((call) => call("stop", []).catch(() => {})));
      await pool.destroy();
    },
  };
}

/** A thread answers failures; it rejects only if it has ended. What became of the call, nobody knows. */
function toUnavailable(cause: unknown): never {
  throw new ConnectError("a thread of the services ended", Code.Unavailable, undefined, undefined, cause);
}

/** The thread goes on: whether it still succeeds, nobody knows here. */
function unlessAborted<Result>(work: Promise<Result>, signal: AbortSignal | undefined): Promise<Result> {
  if (!signal) return work;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) return abort();
    signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

function startError(cause: unknown): TidewireError {
  if (cause instanceof TidewireError) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new TidewireError(ErrorCode.UNAVAILABLE, `a thread of the services did not start: ${reason}`, { cause });
}
