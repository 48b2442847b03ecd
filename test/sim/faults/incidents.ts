import type { StorageTable } from "../../../clients/typescript/src/storage-table.js";
import type { SimDevice } from "../devices/device.js";
import type { SimNode } from "../engine/node.js";
import type { Random } from "../engine/random.js";
import type { Link } from "../network/link.js";
import type { StoreBackup } from "../store/store-model.js";
import type { World } from "../world.js";
import { type Incident, incidents } from "./fault-kinds.js";

/** What was copied in time, for those who will need it. */
type Backups = { devices: Map<SimDevice, StorageTable>; store: StoreBackup | undefined };

/** Lets incidents strike until `world.faults` ends, and mends most of them after a while. */
export function startIncidents(world: World): void {
  const backups: Backups = { devices: new Map(), store: undefined };
  for (const incident of Object.keys(incidents) as Incident[]) plan(world, incident, backups);
  if (world.config.faults["device-rollback"]) keepCopying(world, "device-rollback", () => copyDevice(world, backups));
  if (world.config.faults["store-restore"]) keepCopying(world, "store-restore", () => copyStore(world, backups));
}

function plan(world: World, incident: Incident, backups: Backups): void {
  const delayMs = world.faults.nextInMs(incident);
  if (delayMs === undefined) return;
  world.scheduler.after(delayMs, () => {
    if (world.faults.nextInMs(incident) === undefined) return; // faults have ended meanwhile
    if (strike[incident](world, world.faults.randomOf(incident), backups) === "struck") world.faults.count(incident);
    plan(world, incident, backups);
  });
}

/** Copies are taken at times that have nothing to do with when they are needed. */
function keepCopying(world: World, incident: Incident, copy: () => void): void {
  const delayMs = world.random.fork(`copies for ${incident}`).between(1_000, 8_000);
  const again = () => {
    if (world.faults.nextInMs(incident) === undefined) return;
    copy();
    world.scheduler.after(delayMs, again);
  };
  again();
}

function copyDevice(world: World, { devices }: Backups): void {
  for (const device of world.devices) if (!devices.has(device)) return void devices.set(device, device.backup());
}

function copyStore(world: World, backups: Backups): void {
  if (world.store.isUp) backups.store = world.store.backup();
}

type Strike = (world: World, random: Random, backups: Backups) => "struck" | "missed";

const strike: Readonly<Record<Incident, Strike>> = {
  cut: (world, random) => onLink(world, random, (link) => link.cut()),
  "half-open": (world, random) =>
    onLink(world, random, (link) => link.silence(random.pick(["up", "down", "both"] as const))),
  stall: (world, random) => onLink(world, random, (link) => link.stall(random.between(100, 8_000))),
  "slow-reader": (world, random) =>
    onLink(world, random, (link) => {
      link.throttle(random.between(0.05, 2));
      world.scheduler.after(random.between(2_000, 15_000), () => link.throttle(Number.POSITIVE_INFINITY));
    }),
  "device-crash"(world, random) {
    const device = random.pick(world.devices);
    if (device.process === undefined) return "missed";
    device.kill(random.chance(0.7) ? "reset" : "none");
    return "struck";
  },
  "device-pause"(world, random) {
    const { process } = random.pick(world.devices);
    if (process === undefined) return "missed";
    const forMs = random.between(1_000, 40_000);
    process.node.pause(forMs);
    process.link?.holdBack(forMs);
    return "struck";
  },
  "device-rollback"(_world, _random, backups) {
    const [copied] = backups.devices;
    if (copied === undefined) return "missed";
    const [device, copy] = copied;
    backups.devices.delete(device);
    device.restore(copy);
    return "struck";
  },
  "gateway-crash"(world, random) {
    const place = random.whole(0, world.config.gateways - 1);
    if (world.gateways[place] === undefined) return "missed";
    world.stopGateway(place, random.chance(0.7) ? "reset" : "none");
    return "struck";
  },
  "gateway-drain"(world, random) {
    const place = random.whole(0, world.config.gateways - 1);
    const host = world.gateways[place];
    if (host === undefined) return "missed";
    world.note("drains", host.node.name);
    host.drain(() => {
      if (world.gateways[place] === host) world.stopGateway(place, "reset");
    });
    return "struck";
  },
  "gateway-pause": (world, random) => pauseOne(random.pick(world.gateways), random),
  "service-crash"(world, random) {
    const host = random.pick(world.services);
    host?.crash();
    return host === undefined ? "missed" : "struck";
  },
  "service-pause": (world, random) => pauseOne(random.pick(world.services), random),
  "store-crash"(world) {
    if (!world.store.isUp) return "missed";
    crashStoreWhenBusy(world, 1_000);
    return "struck";
  },
  "store-restore"(world, _random, { store }) {
    if (store === undefined || !world.store.isUp) return "missed";
    world.restoreStore(store);
    return "struck";
  },
  "services-cut"(world, random) {
    const place = random.whole(0, world.config.gateways - 1);
    world.note("cut off from services", `g${place + 1}`);
    world.servicesCutUntilMs.set(place, world.scheduler.nowMs + random.between(1_000, 20_000));
    return "struck";
  },
  "fabric-cut"(world, random) {
    const host = random.pick([...world.gateways, ...world.services]);
    if (host === undefined) return "missed";
    world.note("cut off from the fabric", host.node.name);
    world.fabric.cutOff(host.node, random.chance(0.8) ? random.between(1_000, 20_000) : 100_000);
    return "struck";
  },
  "fabric-flush"(world) {
    world.note("flushed", "fabric");
    world.fabric.flush();
    return "struck";
  },
  "wall-step"(world, random) {
    const hosts = [...world.gateways, ...world.services, ...world.devices.map(({ process }) => process)];
    const host = random.pick(hosts);
    host?.node.stepWall(random.between(-2_000, 2_000));
    return host === undefined ? "missed" : "struck";
  },
};

/** Crashes the store in the midst of a transaction, if there is one within so many milliseconds: at rest it has little to lose. */
function crashStoreWhenBusy(world: World, patienceMs: number): void {
  if (!world.store.isUp) return;
  if (world.store.openTransactions > 0 || patienceMs <= 0) return world.crashStore();
  world.scheduler.after(0.5, () => crashStoreWhenBusy(world, patienceMs - 0.5));
}

function onLink(world: World, random: Random, befall: (link: Link) => void): "struck" | "missed" {
  const links = world.gateways.flatMap((gateway) => [...(gateway?.links ?? [])]);
  if (links.length === 0) return "missed";
  befall(random.pick(links));
  return "struck";
}

/** Shorter pauses are more common. */
function pauseOne(host: { readonly node: SimNode } | undefined, random: Random): "struck" | "missed" {
  if (host === undefined || host.node.isPaused) return "missed";
  host.node.pause(random.chance(0.7) ? random.between(1_000, 10_000) : random.between(10_000, 90_000));
  return "struck";
}
