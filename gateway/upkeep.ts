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

/** How often what is idle is forgotten, in milliseconds. */
const SWEEP_MS = 5_000;

/** What a gateway does without being asked: it shows how it fares, forgets the idle, and renews its leases. */
export async function startUpkeep(options: UpkeepOptions): Promise<AsyncDisposable> {
  const { id, fabric, leaseMs, connections, downlink, context } = options;
  const { clock, timers, hub, lanes, log, metrics, rates } = context;
  let isOver = false;

  function every(periodMs: number, task: () => void) {
    timers.after(periodMs, () => {
      if (isOver) return;
      task();
      every(periodMs, task);
    });
  }

  function showGauges() {
    metrics.lanesQueuedBytes.follow(() => lanes.queuedBytes);
    metrics.activeConversations.follow(() => downlink.activeConversations);
    metrics.ringBytes.follow(() => downlink.ringBytes);
    metrics.timers.follow(() => timers.size);
  }

  function forgetIdle() {
    downlink.forgetIdle();
    rates.forgetIdle(clock.monotonicMs());
  }

  async function renew() {
    await fabric.gateways.announce({ id, address: "", connections: connections.count }, leaseMs);
    await hub.renewLeases();
  }

  showGauges();
  await renew();
  every(SWEEP_MS, forgetIdle);
  every(leaseMs / 3, () => {
    renew().catch((error: unknown) => log.warn({ err: error }, "leases were not renewed; the next attempt follows"));
  });
  return {
    async [Symbol.asyncDispose]() {
      isOver = true;
      await fabric.gateways.withdraw(id);
    },
  };
}
