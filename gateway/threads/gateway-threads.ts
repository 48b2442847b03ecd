import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { Worker } from "node:worker_threads";
import type { UniversalClientFn } from "@connectrpc/connect/protocol";
import type { Fabric } from "../../runtime/fabric/fabric.js";
import { serveFabric } from "../../runtime/fabric/port-fabric.js";
import type { Logger } from "../../runtime/log.js";
import { openPortCalls, type PortCalls, Transferred } from "../../runtime/port-calls.js";
import { type PortRequest, servePortRequest } from "../../runtime/port-transport.js";
import type { Gateway } from "../gateway.js";
import { portError } from "../server/server.js";
import type { GatewayThreadSettings } from "./gateway-thread-settings.js";

/** Several gateways on one port, each with an event loop of its own. To others they are one. */
export interface GatewayThreads extends Gateway {
  /** What the threads have counted: a registry as JSON for each. */
  collectMetrics(): Promise<object[][]>;
}

export type GatewayThreadsOptions = Readonly<{
  threads: number;
  settings: GatewayThreadSettings;
  /** How long a drain may take, in milliseconds. */
  drainTimeoutMs: number;
}>;

export type GatewayThreadsDeps = Readonly<{
  /** Does the calls of all threads. */
  services: UniversalClientFn;
  fabric: Fabric;
  log: Logger;
  /** What keeps the services from working, in words for an operator. */
  unreadyBecause(): Promise<string[]>;
}>;

const threadModule = new URL("./gateway-thread.js", import.meta.url);

/**
 * Starts the threads. One that dies takes its connections with it, which come back to the others, and is replaced.
 * @throws TidewireError `UNAVAILABLE` if another program has the port.
 */
export async function startGatewayThreads(
  { threads, settings, drainTimeoutMs }: GatewayThreadsOptions,
  deps: GatewayThreadsDeps,
): Promise<GatewayThreads> {
  const port = await findPort(settings.gateway);
  const running = new Set<PortCalls>();
  let isOver = false;

  async function start(): Promise<void> {
    const worker = new Worker(threadModule, { workerData: { ...settings, gateway: { ...settings.gateway, port } } });
    worker.on("error", (error) => deps.log.error({ err: error }, "a thread of the gateway died"));
    const calls: PortCalls = openPortCalls(
      worker,
      toHandlers(deps, () => calls),
    );
    void calls.closed.then(() => {
      if (running.delete(calls) && !isOver) start().catch((error: unknown) => giveUp(error));
    });
    await calls.call("start", []);
    running.add(calls);
  }

  function giveUp(error: unknown) {
    deps.log.error({ err: error }, "a thread of the gateway was not replaced");
  }

  const all = <Result>(name: string, args: readonly unknown[]) =>
    Promise.all([...running].map((calls) => calls.call<Result>(name, args)));

  async function stop() {
    isOver = true;
    await Promise.all([...running].map((calls) => calls.call("stop", []).then(() => calls.closed)));
  }

  await Promise.all(Array.from({ length: threads }, start)).catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  return {
    port,
    sizes: async () => addUp(await all<Record<string, number>>("sizes", [])),
    collectMetrics: () => all<object[]>("metrics", []),
    async drain() {
      await all("drain", [drainTimeoutMs]);
    },
    [Symbol.asyncDispose]: stop,
  };
}

function toHandlers({ services, fabric, unreadyBecause }: GatewayThreadsDeps, calls: () => PortCalls) {
  return {
    ...serveFabric(fabric, calls),
    async request(request: PortRequest) {
      const response = await servePortRequest(services, request);
      return new Transferred(response, [response.body.buffer as ArrayBuffer]);
    },
    unreadyBecause,
  };
}

/** Sharing a port with a stranger goes unnoticed, so first it has to be free. 0 becomes one that is. */
async function findPort({ host, port }: { host: string; port: number }): Promise<number> {
  const probe = createServer();
  try {
    probe.listen({ host, port, exclusive: true });
    await once(probe, "listening");
    return (probe.address() as AddressInfo).port;
  } catch {
    throw portError({ host, port });
  } finally {
    probe.close();
  }
}

function addUp(all: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const one of all) for (const [name, size] of Object.entries(one)) sums[name] = (sums[name] ?? 0) + size;
  return sums;
}
