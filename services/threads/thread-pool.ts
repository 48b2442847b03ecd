import { fileURLToPath } from "node:url";
import type { MessagePort } from "node:worker_threads";
import type { UniversalClientFn } from "@connectrpc/connect/protocol";
import { Piscina } from "piscina";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { TidewireError } from "../../runtime/error.js";
import type { Fabric } from "../../runtime/fabric/fabric.js";
import { serveFabric } from "../../runtime/fabric/port-fabric.js";
import type { Logger } from "../../runtime/log.js";
import { openPortCalls, type PortCalls } from "../../runtime/port-calls.js";
import { createPortClient, type PortRequest, type PortResponse } from "../../runtime/port-transport.js";
import { type ThreadSettings, threadCallsMax } from "./thread-settings.js";

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
  fabric: Fabric;
  log: Logger;
}>;

const threadModule = fileURLToPath(new URL("./service-thread.js", import.meta.url));

/**
 * Starts the threads. Disposing of the pool waits for the calls under way.
 * @throws TidewireError `UNAVAILABLE` if a thread does not start.
 */
export async function startThreadPool({ threads, settings, fabric, log }: ThreadPoolOptions): Promise<ThreadPool> {
  const links = new Map<MessagePort, PortCalls>();
  const pool = new Piscina<PortRequest, PortResponse>({
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
      const calls: PortCalls = openPortCalls(
        link,
        serveFabric(fabric, () => calls),
      );
      links.set(link, calls);
      void calls.closed.then(() => links.delete(link));
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
    client: createPortClient((request) => pool.run(request, { transferList: [request.body.buffer as ArrayBuffer] })),
    collectMetrics: () => Promise.all([...links.values()].map(({ call }) => call<object[]>("metrics", []))),
    async [Symbol.asyncDispose]() {
      await pool.close();
      await Promise.all([...links.values()].map(({ call }) => call("stop", []).catch(() => {})));
      await pool.destroy();
    },
  };
}

function startError(cause: unknown): TidewireError {
  if (cause instanceof TidewireError) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new TidewireError(ErrorCode.UNAVAILABLE, `a thread of the services did not start: ${reason}`, { cause });
}
