import { randomUUID } from "node:crypto";
import { type Clock, systemClock } from "../../runtime/clock.js";
import type { Config } from "../../runtime/config.js";
import { createMemoryFabric } from "../../runtime/fabric/memory.js";
import type { Logger } from "../../runtime/log.js";
import type { Metrics } from "../../runtime/metrics.js";
import type { Shutdown } from "../../runtime/shutdown.js";
import { loadSigningKey } from "../../services/account/signing-key.js";
import { createLogStore } from "../../services/message/sql-log-store.js";
import { createPublisher } from "../../services/push/publish.js";
import { openStore, type Store } from "../../services/store/store.js";
import { summarizeMessages } from "../../services/store/summarize.js";
import { startUpkeep } from "../../services/upkeep/upkeep.js";
import { connectServices } from "./connect-services.js";
import { openDataDirectory } from "./data-directory.js";
import { startMetricsServer } from "./metrics-server.js";
import { openGateway } from "./open-gateway.js";

/** Everything of Tidewire in one process. */
export type Server = Readonly<{
  port: number;
  /** Undefined if metrics are switched off. */
  metricsPort: number | undefined;
  engine: Store["engine"];
  /** Aborted when this process has to end: its database or a thread of it has died, or its node id was taken over. */
  lost: AbortSignal;
  /** What gateway and fabric hold, by name, for tests that look for leaks. */
  sizes(): Promise<Readonly<Record<string, number>>>;
}>;

export type ServerDeps = Readonly<{ log: Logger; metrics: Metrics; shutdown: Shutdown; clock?: Clock }>;

const STOP_DEADLINE_MS = 10_000;

/**
 * Starts store, fabric, services and gateway, in this order; `shutdown` stops them in the reverse one. If a part does not
 * start, the caller runs `shutdown` to stop those before it.
 * @throws TidewireError whose message tells an operator what to do.
 */
export async function startServer(config: Config, deps: ServerDeps): Promise<Server> {
  const { log, metrics, shutdown, clock = systemClock } = deps;
  const own = <Part extends AsyncDisposable>(name: string, part: Part): Part => {
    shutdown.add({ name, deadlineMs: STOP_DEADLINE_MS, run: async () => void (await part[Symbol.asyncDispose]()) });
    return part;
  };

  await openDataDirectory(config.dataDir);
  const signingKey = await loadSigningKey({ jwk: config.tokenKey, directory: config.dataDir });
  const database =
    config.databaseUrl === ""
      ? ({ kind: "embedded", directory: config.dataDir } as const)
      : ({ kind: "server", url: config.databaseUrl } as const);
  const store = own(
    "store",
    await openStore({
      database,
      allowUnsafeDatabase: config.allowUnsafeDatabase,
      appendConnectionsMax: config.lanes * config.socketThreads, // each gateway has lanes of its own
      clock,
      log,
    }),
  );
  const fabric = own("fabric", createMemoryFabric({ clock }));
  const logs = createLogStore(store.sql, store.appends);
  const publisher = createPublisher({ fabric, logs, clock, log, metrics });
  const services = own(
    "services",
    await connectServices(config, { store, logs, publisher, fabric, signingKey, log, metrics, clock }),
  );
  // Stopped after the gateway, which raises the last delivered marks as its connections go.
  own(
    "upkeep",
    startUpkeep({
      logs,
      fabric,
      publisher,
      summarize: () => summarizeMessages(store.sql),
      owner: randomUUID(),
      clock,
      log,
      metrics,
    }),
  );
  const gateway = own("gateway", await openGateway(config, { services, fabric, clock, log, metrics, unreadyBecause }));
  shutdown.add({ name: "connections", deadlineMs: config.drainTimeoutMs, run: (signal) => gateway.drain(signal) });
  const metricsServer =
    config.metricsPort === "off"
      ? undefined
      : own("metrics", await startMetricsServer(config.metricsPort, metrics, collectMetrics));

  async function collectMetrics(): Promise<object[][]> {
    return (await Promise.all([services.collectMetrics(), gateway.collectMetrics()])).flat();
  }

  async function unreadyBecause(): Promise<string[]> {
    try {
      await store.sql`select 1`;
      return [];
    } catch {
      return ["the database does not answer"];
    }
  }

  return {
    port: gateway.port,
    metricsPort: metricsServer?.port,
    engine: store.engine,
    lost: AbortSignal.any([store.lost, gateway.lost]),
    sizes: async () => ({ ...(await gateway.sizes()), fabric: fabric.size }),
  };
}
