import type { SimConfig } from "./config.js";
import { SimDevice } from "./devices/device.js";
import { createRecorder } from "./devices/recorder.js";
import { type Counts, createCounts, createRecordingMetrics } from "./engine/counts.js";
import { createSimNode, epochMs, type SimNode } from "./engine/node.js";
import { createRandom, type Random } from "./engine/random.js";
import { createScheduler, type Scheduler } from "./engine/scheduler.js";
import { createTrace, type Trace } from "./engine/trace.js";
import { type FaultMix, type StoreFault, storeFaults } from "./faults/fault-kinds.js";
import { createFaults, type Faults } from "./faults/faults.js";
import { createHistory, type History } from "./history.js";
import { createSharedFabric, type SharedFabric } from "./network/faulty-fabric.js";
import { createRpcClients } from "./network/rpc.js";
import { createGatewayHost, type GatewayHost, type Visitor } from "./processes/gateway-host.js";
import { createServicesHost, type ServicesHost } from "./processes/services-host.js";
import { formatToken } from "./services/tokens.js";
import { noStoreFaults } from "./store/store-faults.js";
import { createStoreModel, type StoreBackup, type StoreModel } from "./store/store-model.js";

export const fabricEntries = "entries of the fabric";

/** All processes of a deployment with its devices, and the networks between them. Everything follows from the configuration. */
export class World {
  readonly config: SimConfig;
  readonly scheduler: Scheduler = createScheduler();
  readonly random: Random;
  readonly counts: Counts = createCounts();
  readonly trace: Trace;
  readonly history: History = createHistory();
  readonly faults: Faults;
  readonly store: StoreModel;
  readonly fabric: SharedFabric;
  /** By place; empty while nothing runs there. */
  readonly gateways: (GatewayHost | undefined)[] = [];
  readonly services: (ServicesHost | undefined)[] = [];
  readonly devices: SimDevice[];
  /** Until when the gateway at each place reaches no services. */
  readonly servicesCutUntilMs = new Map<number, number>();
  /** The groups of the configuration, once they have been created; 0 for direct conversations. */
  readonly conversationIds: bigint[] = [];
  readonly #metrics = createRecordingMetrics(this.counts);
  readonly #network: Random;
  readonly #repairs: Random;
  readonly #pending: (() => void)[] = [];
  #starts = 0;

  constructor(config: SimConfig, write?: (line: string) => void) {
    this.config = config;
    this.random = createRandom(config.seed);
    this.#network = this.random.fork("network");
    this.#repairs = this.random.fork("repairs");
    const { scheduler, counts, random } = this;
    this.trace = createTrace({ nowMs: () => scheduler.nowMs, write });
    this.faults = createFaults(config.faults, { random: random.fork("faults"), counts });
    this.store = createStoreModel({
      clock: this.#createNode("store").clock,
      timeMs: () => scheduler.nowMs,
      random: random.fork("store"),
      faults: { ...noStoreFaults },
      storeId: "store-1",
      rules: { routeByConversationAbove: config.routeByConversationAbove },
    });
    this.fabric = createSharedFabric({
      ...{ scheduler, faults: this.faults, trace: this.trace, distance: config.distance },
      node: this.#createNode("fabric"),
      latencyMs: () => this.#network.between(0.1, 1),
    });
    this.devices = config.devices.flatMap((count, index) => this.#createDevices(index + 1, count));
  }

  startGateway(place: number): void {
    const node = this.#createNode(`g${place + 1}.${++this.#starts}`);
    const { scheduler, history, config, faults } = this;
    const random = this.random.fork(node.name);
    const callLatencyMs = config.distance === "local" ? 0.2 : 3;
    this.note("started", node.name);
    this.gateways[place] = createGatewayHost({
      ...{ scheduler, node, random, history, faults, metrics: this.#metrics },
      settings: { ...config, kernelBytes: 1_000 },
      services: createRpcClients({
        ...{ scheduler, caller: node, faults, trace: this.trace, random: random.fork("calls") },
        latencyMs: () => this.#network.between(callLatencyMs / 10, callLatencyMs),
        targets: () => this.services.filter((host) => host !== undefined),
        isCut: () => scheduler.nowMs < (this.servicesCutUntilMs.get(place) ?? 0),
      }),
      fabric: this.fabric.viewOf(node),
      failed: (host) => this.gateways[place] === host && this.stopGateway(place, "reset"),
      latencyMs: () => this.#network.between(...config.latencyMs),
    });
  }

  startServices(place: number): void {
    const nodeId = this.#starts + 1;
    const node = this.#createNode(`s${place + 1}.${++this.#starts}`);
    this.note("started", node.name);
    this.services[place] = createServicesHost({
      ...{ node, nodeId, store: this.store, fabric: this.fabric.viewOf(node), metrics: this.#metrics },
      crashed: () => {
        this.note("crashed", node.name);
        this.fabric.forget(node);
        this.services[place] = undefined;
        this.#later(this.#repairs.between(100, 5_000), () => this.startServices(place));
      },
    });
  }

  /** A gateway's process ends, and another one takes its place. */
  stopGateway(place: number, farewell: "reset" | "none"): void {
    const host = this.gateways[place];
    if (host === undefined) return;
    this.note("stopped", host.node.name);
    host.kill(farewell);
    this.fabric.forget(host.node);
    this.gateways[place] = undefined;
    this.#later(this.#repairs.between(100, 8_000), () => this.startGateway(place));
  }

  crashStore(): void {
    this.note("crashed", "store");
    this.store.crash();
    this.#later(this.#repairs.between(100, 5_000), () => this.#restartStore());
  }

  /** Stops the whole deployment, as an operator would, and starts it on an older state of the store. */
  restoreStore(backup: StoreBackup): void {
    this.note("restored", "store");
    for (const place of this.gateways.keys()) this.stopGateway(place, "reset");
    for (const host of this.services) host?.crash();
    this.store.crash();
    this.store.restore(backup, `store-${this.store.eras.length + 1}`);
    this.fabric.flush();
  }

  /** From now on nothing breaks, and what is broken is mended. */
  heal(): void {
    this.faults.end();
    this.#setStoreFaults({});
    this.servicesCutUntilMs.clear();
    this.fabric.mend();
    this.#restartStore();
    for (const repair of this.#pending.splice(0)) repair();
    for (const host of [...this.gateways, ...this.services]) host?.node.resume();
    for (const gateway of this.gateways)
      for (const link of gateway?.links ?? []) link.throttle(Number.POSITIVE_INFINITY);
    for (const device of this.devices) device.heal();
    this.note("healed", "world");
  }

  /** Mends something after a while, or when the world is healed. */
  #later(delayMs: number, repair: () => void): void {
    const once = () => {
      const index = this.#pending.indexOf(once);
      if (index >= 0) this.#pending.splice(index, 1);
      repair();
    };
    this.#pending.push(once);
    this.scheduler.after(delayMs, () => this.#pending.includes(once) && once());
  }

  #restartStore(): void {
    if (this.store.isUp) return;
    this.note("started", "store");
    this.store.restart();
  }

  /** From now on faults strike. */
  breakThings(): void {
    this.faults.begin();
    this.#setStoreFaults(this.config.faults);
  }

  #setStoreFaults(mix: FaultMix): void {
    for (const fault of Object.keys(storeFaults) as StoreFault[]) {
      this.store.faults[fault] = (mix[fault] ?? 0) * storeFaults[fault];
    }
  }

  /** What all processes hold, by name, for those who look for leaks. */
  sizes(): ReadonlyMap<string, number> {
    const sizes = new Map<string, number>([[fabricEntries, this.fabric.size]]);
    for (const [place, host] of this.gateways.entries()) {
      for (const [what, size] of Object.entries(host?.sizes() ?? {}))
        sizes.set(`${what} of gateway ${place + 1}`, size);
    }
    return sizes;
  }

  /** How often each fault struck, and each rare branch was taken. */
  finalCounts(): ReadonlyMap<string, number> {
    for (const [name, count] of Object.entries(this.store.counts)) {
      this.counts.add(name in storeFaults ? `fault ${name}` : `store ${name}`, count);
    }
    return this.counts.entries;
  }

  note(what: string, subject: string): void {
    this.trace.note(what, subject, 0);
    this.history.marked({ atMs: this.scheduler.nowMs, what, subject });
  }

  #createNode(name: string): SimNode {
    const random = this.random.fork(`clock of ${name}`);
    const { skewMaxMs } = this.config;
    const { scheduler } = this;
    return createSimNode({
      name,
      scheduler,
      wallSkewMs: random.between(-skewMaxMs, skewMaxMs),
      turnMs: () => random.between(0, 2),
    });
  }

  #createDevices(user: number, count: number): SimDevice[] {
    const userId = BigInt(user);
    this.store.addUser(userId);
    return Array.from({ length: count }, (_, index) => this.#createDevice(`u${user}${"abc"[index]}`, userId));
  }

  #createDevice(name: string, userId: bigint): SimDevice {
    const { scheduler, faults, config } = this;
    const random = this.random.fork(name);
    const app = random.fork("app");
    return new SimDevice({
      ...{ name, userId, scheduler, random, faults },
      witness: createRecorder(this),
      commitMs: () => (config.commitMaxMs === 0 ? 0 : app.between(0, config.commitMaxMs)),
      tokenMs: () => app.between(1, 50),
      rebootMs: () => app.between(100, 4_000),
      restartMs: () => app.between(500, 5_000),
      createNode: () => this.#createNode(name),
      token: () => this.#issueToken(userId),
      conversationIds: () => this.conversationIds,
      connect: (visitor) => this.#connect(visitor, app),
    });
  }

  #issueToken(userId: bigint): string | undefined {
    if (this.faults.strikes("token-failed")) return undefined;
    const lifeMs = this.faults.strikes("token-expired") ? -1_000 : this.config.tokenLifeMs;
    return formatToken({ userId, expiresAtMs: epochMs + this.scheduler.nowMs + lifeMs });
  }

  /** Through a load balancer that knows nothing. */
  #connect(visitor: Visitor, random: Random): void {
    const gateway = this.gateways[random.whole(0, this.config.gateways - 1)];
    this.scheduler.after(this.#network.between(...this.config.latencyMs), () => {
      const isRefused = gateway === undefined || this.faults.strikes("connect-refused");
      if (!isRefused) return gateway.accept(visitor);
      this.scheduler.after(1, () => visitor.node.run(() => visitor.end.closed(1006)));
    });
  }
}
