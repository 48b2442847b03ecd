import { availableParallelism } from "node:os";
import { createConnectRouter, type Transport } from "@connectrpc/connect";
import { createUniversalHandlerClient, type UniversalClientFn } from "@connectrpc/connect/protocol";
import type { Clock } from "../../runtime/clock.js";
import { type Config, limitsOf, secretsOf } from "../../runtime/config.js";
import type { Fabric } from "../../runtime/fabric/fabric.js";
import { createIdGenerator } from "../../runtime/ids.js";
import { createLocalTransport } from "../../runtime/local-transport.js";
import type { Logger } from "../../runtime/log.js";
import type { Metrics } from "../../runtime/metrics.js";
import { createPortTransport } from "../../runtime/port-transport.js";
import type { loadSigningKey } from "../../services/account/signing-key.js";
import type { LogStore } from "../../services/message/log-store.js";
import type { Publisher } from "../../services/push/publish.js";
import { registerServices } from "../../services/router.js";
import { createServices } from "../../services/services.js";
import type { Store } from "../../services/store/store.js";
import { createAdaptiveClient, createAdaptiveTransport } from "../../services/threads/adaptive.js";
import { createPlacement, defaultPlacement } from "../../services/threads/placement.js";
import { startThreadPool, type ThreadPool } from "../../services/threads/thread-pool.js";

/** The services, in this process. */
export interface ConnectedServices extends AsyncDisposable {
  /** Does the calls of a gateway in this thread. */
  readonly transport: Transport;
  /** Does the calls of gateways in other threads, which come as bytes. */
  readonly client: UniversalClientFn;
  /** What other threads have counted: a registry as JSON for each. */
  collectMetrics(): Promise<object[][]>;
}

export type ServiceDeps = Readonly<{
  store: Store;
  logs: LogStore;
  publisher: Publisher;
  fabric: Fabric;
  signingKey: Awaited<ReturnType<typeof loadSigningKey>>;
  clock: Clock;
  log: Logger;
  metrics: Metrics;
}>;

/**
 * Without being told, as many threads as there are cores besides one for the sockets and one for all else, and not many: the
 * database has work to do, too. On two cores a thread takes more from the sockets than it gives: docs/benchmarks.md.
 */
const threadsMax = 4;
const coresKept = 2;

/** Starts the services, with threads that help if the database can serve them. */
export async function connectServices(config: Config, deps: ServiceDeps): Promise<ConnectedServices> {
  const { store, clock } = deps;
  const ids = createIdGenerator({
    nodeId: store.nodeLease.nodeId,
    clock,
    deadlineMonotonicMs: store.nodeLease.deadlineMonotonicMs,
  });
  const services = createServices({ ...deps, ids, settings: toServiceSettings(config) });
  const router = createConnectRouter({ connect: true });
  registerServices(router, services);
  const client = createUniversalHandlerClient(router.handlers);
  const transport = createLocalTransport((registry) => registerServices(registry, services), clock);
  const pool = await startPool(config, deps);
  const placing = { placement: createPlacement(defaultPlacement), metrics: deps.metrics };
  return {
    transport: pool
      ? createAdaptiveTransport({ here: transport, thread: createPortTransport(pool.client), ...placing })
      : transport,
    client: pool ? createAdaptiveClient({ here: client, thread: pool.client, ...placing }) : client,
    collectMetrics: async () => (await pool?.collectMetrics()) ?? [],
    async [Symbol.asyncDispose]() {
      await pool?.[Symbol.asyncDispose]();
    },
  };
}

/** None on the embedded database: it does one transaction at a time. */
async function startPool(config: Config, { fabric, log }: ServiceDeps): Promise<ThreadPool | undefined> {
  const { databaseUrl, allowUnsafeDatabase, serviceThreads, logLevel: level, logFormat: format } = config;
  const wanted =
    serviceThreads === "auto" ? Math.max(0, Math.min(threadsMax, availableParallelism() - coresKept)) : serviceThreads;
  const threads = databaseUrl === "" ? 0 : wanted;
  if (threads === 0) return undefined;
  const settings = {
    databaseUrl,
    allowUnsafeDatabase,
    limits: limitsOf(config),
    log: { level, format, secrets: secretsOf(config) },
  };
  return startThreadPool({ threads, settings, fabric, log });
}

function toServiceSettings(config: Config) {
  const { issuer, devicesPerUserMax, groupMembersMax, routeByConversationAbove, externalIssuer } = config;
  return {
    issuer,
    devicesPerUserMax,
    groupMembersMax,
    routeByConversationAbove,
    accessTokenLifetimeMs: config.accessTokenMinutes * 60_000,
    refreshTokenLifetimeMs: config.refreshTokenDays * 86_400_000,
    registrationsPerMinute: config.registrationsPerMinute,
    limits: limitsOf(config),
    externalIssuer:
      externalIssuer === ""
        ? undefined
        : { issuer: externalIssuer, jwksUrl: config.externalJwksUrl, audience: config.externalAudience },
  };
}
