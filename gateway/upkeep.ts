import type { Fabric, GatewayId } from "../runtime/fabric/fabric.js";
import type { Connections } from "./connections.js";
import type { GatewayContext } from "./context.js";
import type { Downlink } from "./downlink/downlink.js";

export type UpkeepOptions = Readonly<{
  id: GatewayId;
  fabric: Fabric;
  leaseMs: number;
  context: GatewayContext;
  connections: Connections;
  downlink: Downlink;
}>;

/** How often sessions look at their deadlines, in milliseconds: all of those are seconds or more. */
const TICK_MS = 1_000;

/** What a gateway does without being asked: it looks at deadlines, forgets the idle, and renews its leases. */
export async function startUpkeep(options: UpkeepOptions): Promise<AsyncDisposable> {
  const { id, fabric, leaseMs, connections, downlink, context } = options;
  const { clock, hub, lanes, log, metrics, rates } = context;

  function tick() {
    connections.dispatch(() => ({ kind: "tick" }));
    downlink.forgetIdle();
    rates.forgetIdle(clock.monotonicMs());
    metrics.sessions.set(hub.sessionCount);
    metrics.lanesQueuedBytes.set(lanes.queuedBytes);
  }

  async function renew() {
    await fabric.gateways.announce({ id, address: "", connections: connections.count }, leaseMs);
    await hub.renewLeases();
  }

  await renew();
  const ticks = setInterval(tick, TICK_MS);
  const renewals = setInterval(() => {
    renew().catch((error: unknown) => log.warn({ err: error }, "leases were not renewed; the next attempt follows"));
  }, leaseMs / 3);
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(ticks);
      clearInterval(renewals);
      await fabric.gateways.withdraw(id);
    },
  };
}
