import { MessageChannel, parentPort, workerData } from "node:worker_threads";
import { createConnectRouter } from "@connectrpc/connect";
import { createAsyncIterable, createUniversalHandlerClient } from "@connectrpc/connect/protocol";
import { Piscina } from "piscina";
import { systemClock } from "../../runtime/clock.js";
import { createPortFabric } from "../../runtime/fabric/port-fabric.js";
import { createIdGenerator } from "../../runtime/ids.js";
import { createLogger } from "../../runtime/log.js";
import { createMetrics, type Metrics } from "../../runtime/metrics.js";
import { openPortCalls, type PortCaller } from "../../runtime/port-calls.js";
import { createMessageService } from "../message/message-service.js";
import { createLogStore } from "../message/sql-log-store.js";
import { createPublisher } from "../push/publish.js";
import { registerMessages } from "../router.js";
import { commonInterceptors } from "../services.js";
import { openStore } from "../store/store.js";
import {
  type ThreadRequest,
  type ThreadResponse,
  type ThreadSettings,
  threadConnectionsMax,
} from "./thread-request.js";

/** Opens what this thread works with, and returns what it does for each call. */
async function startThread(settings: ThreadSettings): Promise<(request: ThreadRequest) => Promise<ThreadResponse>> {
  const clock = systemClock;
  const log = createLogger(settings.log);
  const metrics = createMetrics();
  const store = await openStore({
    database: { kind: "server", url: settings.databaseUrl },
    allowUnsafeDatabase: settings.allowUnsafeDatabase,
    connectionsMax: threadConnectionsMax,
    clock,
    log,
  });
  const stop = async () => {
    await store[Symbol.asyncDispose]();
    link.port.close();
  };
  const link = openLink(metrics, stop);
  store.lost.addEventListener("abort", () => process.exit(1)); // ends this thread alone; the pool starts another
  const fabric = createPortFabric(link.call);
  const logs = createLogStore(store.sql);
  const ids = createIdGenerator({ ...store.nodeLease, clock });
  const publisher = createPublisher({ fabric, logs, clock, log, metrics });
  const messages = createMessageService({
    sql: store.sql,
    logs,
    ids,
    clock,
    publisher,
    rateLimits: fabric.limits,
    limits: settings.limits,
    log,
    metrics,
  });
  const router = createConnectRouter({ connect: true });
  registerMessages(router, messages, commonInterceptors({ log, metrics, clock }));
  const serve = createUniversalHandlerClient(router.handlers);

  return async ({ url, header, body }) => {
    const response = await serve({
      url,
      method: "POST",
      header: new Headers(header.map(([name, value]) => [name, value])),
      body: createAsyncIterable([body]),
    });
    return moved({ status: response.status, header: [...response.header], body: await readAll(response.body) });
  };
}

/** The line to the main thread: the fabric lies there, and it asks for metrics and for the end. */
function openLink(metrics: Metrics, stop: () => Promise<void>): { port: MessageChannel["port1"]; call: PortCaller } {
  const { port1, port2 } = new MessageChannel();
  parentPort?.postMessage({ link: port2 }, [port2]);
  const call = openPortCalls(port1, { metrics: () => metrics.registry.getMetricsAsJSON(), stop });
  return { port: port1, call };
}

/** As the pool wants it said: the body changes hands, and is not copied. */
function moved(response: ThreadResponse): ThreadResponse {
  const transferable = {
    [Piscina.transferableSymbol]: response.body.buffer,
    [Piscina.valueSymbol]: response,
  };
  return Piscina.move(transferable as never) as unknown as ThreadResponse;
}

async function readAll(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  const [only] = chunks;
  const isWhole = chunks.length === 1 && only?.byteLength === only?.buffer.byteLength;
  return only && isWhole ? only : new Uint8Array(Buffer.concat(chunks));
}

/** The pool awaits this before the first call. */
export const serve = startThread(workerData as ThreadSettings);
