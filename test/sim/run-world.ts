import { startIncidents } from "./faults/incidents.js";
import { convergenceMs } from "./invariants/world-facts.js";
import { startScript } from "./workload/scripts.js";
import type { World } from "./world.js";

/** After everything has come to rest, all devices leave; this is longer than any lease, log or cache lives without use. */
const idleMs = 110_000;
/** How long a deployment without devices takes until its sizes are those that it has at rest, in milliseconds. */
const settleMs = 500;

/** When everything was mended, and how large everything was before the first device came. */
export type WorldLife = Readonly<{ healedAtMs: number; baseline: ReadonlyMap<string, number> }>;

/** Runs a world until a minute after its last fault. The history, and all else that there is to judge, is in it then. */
export function runWorld(world: World): WorldLife {
  const { scheduler, config } = world;
  setUp(world);
  const baseline = world.sizes();
  const arrivals = world.random.fork("arrivals");
  for (const device of world.devices) scheduler.after(arrivals.between(0, 3_000), () => device.boot());
  const activityEndsMs = scheduler.nowMs + config.activityMs;
  for (const script of config.scripts) startScript(world, script, activityEndsMs);
  world.breakThings();
  startIncidents(world);
  scheduler.runUntil(activityEndsMs);
  world.heal();
  const healedAtMs = scheduler.nowMs;
  scheduler.runUntil(healedAtMs + convergenceMs);
  return { healedAtMs, baseline };
}

/** Everybody leaves, and time passes. */
export function leaveWorld({ devices, scheduler }: World): void {
  for (const device of devices) device.leave();
  scheduler.runUntil(scheduler.nowMs + idleMs);
}

/** Starts all but the devices, and creates the groups. Nothing goes wrong meanwhile. */
function setUp(world: World): void {
  const { config, scheduler } = world;
  for (let place = 0; place < config.services; place++) world.startServices(place);
  for (let place = 0; place < config.gateways; place++) world.startGateway(place);
  for (const conversation of config.conversations) {
    const index = world.conversationIds.push(0n) - 1;
    if (conversation.kind === "direct") continue;
    const [owner = 1n, ...others] = conversation.users.map(BigInt);
    const created = world.services[0]?.services.createGroup(owner, `group ${index}`, others);
    void created?.then((id) => {
      world.conversationIds[index] = id;
    });
  }
  scheduler.runUntil(scheduler.nowMs + settleMs);
}
