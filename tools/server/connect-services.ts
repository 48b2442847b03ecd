import { availableParallelism } from "node:os";
import { createConnectRouter } from "@connectrpc/connect";
import { createUniversalHandlerClient, type UniversalClientFn } from "@connectrpc/connect/protocol";
import type { Clock } from "../../runtime/clock.js";
import { type Config, limitsOf, secretsOf } from "../../runtime/config.js";
import type { Fabric } from "../../runtime/fabric/fabric.js";
import { createIdGenerator } from "../../runtime/ids.js";
import type { Logger } from "../../runtime/log.js";
import type { Metrics } from "../../runtime/metrics.js";
import type { loadSigningKey } from "../../services/account/signing-key.js";
import type { LogStore } from "../../services/message/log-store.js";
import type { Publisher } from "../../services/push/publish.js";
import { registerServices } from "../../services/router.js";
import { createServices } from "../../services/services.js";
import type { Store } from "../../services/store/store.js";
import { createAdaptiveClient } from "../../services/threads/adaptive-client.js";
import { createPlacement, defaultPlacement } from "../../services/threads/placement.js";
import { startThreadPool, type ThreadPool } from "../../services/threads/thread-pool.js";

/** The services, in this process. */
export interface ConnectedServices extends AsyncDisposable {
  /** Does the calls of gateways. */
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
  const router = createConnectRouter({ connect: true });
  registerServices(router, createServices({ ...deps, ids, settings: toServiceSettings(config) }));
  const here = createUniversalHandlerClient(router.handlers);
  const pool = await startPool(config, deps);
  const client =
    pool &&
    createAdaptiveClient({
      here,
      thread: pool.client,
      placement: createPlacement(defaultPlacement),
      metrics: deps.metrics,
    });
  return {
    client: client ?? here,
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
