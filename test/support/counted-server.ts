import { readdirSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { systemClock } from "../../runtime/clock.js";
import { loadConfig } from "../../runtime/config.js";
import { silentLogger } from "../../runtime/log.js";
import { createMetrics, type Metrics } from "../../runtime/metrics.js";
import { createShutdown } from "../../runtime/shutdown.js";
import { serveCalls } from "../../tools/bench/stage/calls.js";
import { type Server, startServer } from "../../tools/server/start-server.js";
import type { CountedServerCalls, ServerStock } from "./counted-server-calls.js";
import { createLeapingClock } from "./leaping-clock.js";

/** The whole product in a process of its own, which says what it holds, and whose time can be made to pass. */
setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;
const clock = createLeapingClock();
const metrics = createMetrics();
// By the real clock: while time leaps, a deadline must not.
const shutdown = createShutdown({ clock: systemClock, log: silentLogger });
let server: Server | undefined;

const calls: CountedServerCalls = {
  async start({ databaseUrl, tokenKey, dataDir }) {
    // All connections of the test come from one address, and devices need not be patient.
    const eased = { unauthenticatedPerIpMax: 1_000, ackDelayMs: 20 };
    const overrides = { port: 0, metricsPort: "off", dataDir, databaseUrl, tokenKey, ...eased } as const;
    const { config } = loadConfig({ env: {}, overrides });
    server = await startServer(config, { log: silentLogger, metrics, shutdown, clock });
    return server.port;
  },
  leap: ({ ms }) => clock.leap(ms),
  connections: async () => (await server?.sizes())?.["connections"] ?? 0,
  async takeStock() {
    for (let pass = 0; pass < 3; pass++) {
      collectGarbage();
      await new Promise((resolve) => setTimeout(resolve, 50)); // finalizers run in turns of the event loop
    }
    return takeStock((await server?.sizes()) ?? {}, metrics);
  },
  async stop() {
    await shutdown.run();
    return takeStock((await server?.sizes()) ?? {}, metrics);
  },
};

async function takeStock(sizes: Readonly<Record<string, number>>, { registry }: Metrics): Promise<ServerStock> {
  const gauges: Record<string, number> = {};
  for (const { name, type, values } of await registry.getMetricsAsJSON()) {
    if (String(type) === "gauge") gauges[name] = values.reduce((sum, { value }) => sum + value, 0);
  }
  return {
    sizes,
    gauges,
    timers: clock.pending,
    openFiles: readdirSync("/proc/self/fd").length,
    heapBytes: process.memoryUsage().heapUsed,
  };
}

serveCalls(calls);
