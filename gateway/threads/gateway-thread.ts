import { parentPort, workerData } from "node:worker_threads";
import { create } from "@bufbuild/protobuf";
import { LimitsSchema } from "../../gen/ts/tidewire/v1/frame_pb.js";
import { systemClock } from "../../runtime/clock.js";
import { createPortFabric } from "../../runtime/fabric/port-fabric.js";
import { createLogger } from "../../runtime/log.js";
import { createMetrics } from "../../runtime/metrics.js";
import { openPortCalls, type PortCalls } from "../../runtime/port-calls.js";
import { createPortClient, createPortTransport, type PortResponse } from "../../runtime/port-transport.js";
import { type Gateway, startGateway } from "../gateway.js";
import type { GatewayThreadSettings } from "./gateway-thread-settings.js";

/** A gateway with an event loop of its own. Fabric and services lie in the main thread. */
function serveGateway(port: NonNullable<typeof parentPort>, settings: GatewayThreadSettings): void {
  const metrics = createMetrics();
  const fabric = createPortFabric(() => calls);
  let gateway: Gateway | undefined;

  const calls: PortCalls = openPortCalls(port as unknown as Parameters<typeof openPortCalls>[0], {
    ...fabric.handlers,
    async start() {
      gateway = await startGateway(
        { ...settings.gateway, limits: create(LimitsSchema, settings.limits), portSharing: "shared" },
        {
          services: createPortTransport(
            createPortClient((request) =>
              calls.call<PortResponse>("request", [request], [request.body.buffer as ArrayBuffer]),
            ),
          ),
          fabric,
          clock: systemClock,
          log: createLogger(settings.log),
          metrics,
          unreadyBecause: () => calls.call("unreadyBecause", []),
        },
      );
    },
    sizes: async () => gateway?.sizes(),
    metrics: () => metrics.registry.getMetricsAsJSON(),
    drain: async (withinMs: number) => gateway?.drain(AbortSignal.timeout(withinMs)),
    async stop() {
      await gateway?.[Symbol.asyncDispose]();
      setImmediate(() => port.close()); // once the answer has left
    },
  });
  reportFailures(calls);
}

/** Ending here would leave the socket library's handles open, on which Node aborts the whole process, so somebody else does it. */
function reportFailures(calls: PortCalls): void {
  process.on("uncaughtException", (error) => calls.tell("died", [error.stack ?? error.message]));
}

if (parentPort) serveGateway(parentPort, workerData as GatewayThreadSettings);
