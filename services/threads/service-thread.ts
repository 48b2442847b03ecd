import { MessageChannel, parentPort, workerData } from "node:worker_threads";
import { createConnectRouter } from "@connectrpc/connect";
import { createUniversalHandlerClient } from "@connectrpc/connect/protocol";
import { Piscina } from "piscina";
import { systemClock } from "../../runtime/clock.js";
import { createPortFabric } from "../../runtime/fabric/port-fabric.js";
import { createIdGenerator } from "../../runtime/ids.js";
import { createLogger } from "../../runtime/log.js";
import { createMetrics, type Metrics } from "../../runtime/metrics.js";
import { openPortCalls } from "../../runtime/port-calls.js";
import { type PortRequest, type PortResponse, servePortRequest } from "../../runtime/port-transport.js";
import { createMessageService } from "../message/message-service.js";
import { createLogStore } from "../message/sql-log-store.js";
import { createPublisher } from "../push/publish.js";
import { registerMessages } from "../router.js";
import { commonInterceptors } from "../services.js";
import { openStore } from "../store/store.js";
import { type ThreadSettings, threadConnectionsMax } from "./thread-settings.js";

/** Opens what this thread works with, and returns what it does for each call. */
async function startThread(settings: ThreadSettings): Promise<(request: PortRequest) => Promise<PortResponse>> {
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
  const { fabric } = link;
  const logs = createLogStore(store.sql, store.appends);
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

  return async (request) => moved(await servePortRequest(serve, request));
}

/** The line to the main thread: the fabric lies there, and it asks for metrics and for the end. */
function openLink(metrics: Metrics, stop: () => Promise<void>) {
  const { port1, port2 } = new MessageChannel();
  parentPort?.postMessage({ link: port2 }, [port2]);
  const fabric = createPortFabric(() => calls);
  const calls = openPortCalls(port1, { metrics: () => metrics.registry.getMetricsAsJSON(), stop });
  return { port: port1, fabric };
}

/** As the pool wants it said: the body changes hands, and is not copied. */
function moved(response: PortResponse): PortResponse {
  const transferable = {
    [Piscina.transferableSymbol]: response.body.buffer,
    [Piscina.valueSymbol]: response,
  };
  return Piscina.move(transferable as never) as unknown as PortResponse;
}

/** The pool awaits this before the first call. */
export const serve = startThread(workerData as ThreadSettings);
