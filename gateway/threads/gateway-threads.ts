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
  /** Aborted when a thread has failed: what it holds can no longer be trusted. */
  readonly lost: AbortSignal;
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
 * Starts the threads. None is replaced: the sockets of a thread that ends by itself would take the process with them, so one that
 * fails says so, and the process has to end in order.
 * @throws TidewireError `UNAVAILABLE` if another program has the port.
 */
export async function startGatewayThreads(
  { threads, settings, drainTimeoutMs }: GatewayThreadsOptions,
  deps: GatewayThreadsDeps,
): Promise<GatewayThreads> {
  const port = await findPort(settings.gateway);
  const running: PortCalls[] = [];
  const lost = new AbortController();
  const died = async (reason: string) => lost.abort(new Error(`a thread of the gateway failed: ${reason}`));

  async function start(): Promise<void> {
    const worker = new Worker(threadModule, { workerData: { ...settings, gateway: { ...settings.gateway, port } } });
    const calls: PortCalls = openPortCalls(worker, { ...toHandlers(deps, () => calls), died });
    running.push(calls);
    await calls.call("start", []);
  }

  const all = <Result>(name: string, args: readonly unknown[]) =>
    Promise.all(running.map((calls) => calls.call<Result>(name, args)));

  async function stop() {
    await all("stop", []);
    await Promise.all(running.map(({ closed }) => closed));
  }

  const started = await Promise.allSettled(Array.from({ length: threads }, start));
  for (const one of started) {
    if (one.status === "fulfilled") continue;
    await stop();
    throw one.reason;
  }
  return {
    port,
    sizes: async () => addUp(await all<Record<string, number>>("sizes", [])),
    collectMetrics: () => all<object[]>("metrics", []),
    async drain() {
      await all("drain", [drainTimeoutMs]);
    },
    lost: lost.signal,
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
