import { create } from "@bufbuild/protobuf";
import { type GatewayNode, type NodeOptions, startNode } from "../../../gateway/node.js";
import { LimitsSchema } from "../../../gen/ts/tidewire/v1/frame_pb.js";
import { defaultLimits } from "../../../gen/ts/tidewire/v1/limits.js";
import type { Fabric } from "../../../runtime/fabric/fabric.js";
import { silentLogger } from "../../../runtime/log.js";
import type { Metrics } from "../../../runtime/metrics.js";
import type { SimNode } from "../engine/node.js";
import type { Random } from "../engine/random.js";
import type { Scheduler } from "../engine/scheduler.js";
import type { Faults } from "../faults/faults.js";
import type { History } from "../history.js";
import { type DeviceEnd, Link } from "../network/link.js";
import type { ServiceClients } from "../network/rpc.js";
import { createTopics, type Topics } from "../network/topics.js";
import { createWiretap } from "./wiretap.js";

export type GatewaySettings = Readonly<{
  heartbeatIntervalMs: number;
  lanes: number;
  laneQueueMaxBytes: number;
  callTimeoutMs: number;
  maxBackpressureBytes: number;
  /** What the kernels on both sides of a connection hold. */
  kernelBytes: number;
}>;

export type GatewayHostOptions = Readonly<{
  scheduler: Scheduler;
  node: SimNode;
  random: Random;
  settings: GatewaySettings;
  services: ServiceClients;
  fabric: Fabric;
  metrics: Metrics;
  faults: Faults;
  history: History;
  /** It could not start. */
  failed(host: GatewayHost): void;
  /** Of a connection from here to a device, in each direction. */
  latencyMs(): number;
}>;

/** A device that wants to be connected. */
export type Visitor = Readonly<{
  node: SimNode;
  userId: bigint;
  end: DeviceEnd;
  /** Called once it is. Otherwise `end.closed`, or nothing ever. */
  opened(link: Link): void;
}>;

/** The process of one gateway: the shipped node, with simulated sockets. It is started once; a restart makes a new one. */
export interface GatewayHost {
  readonly node: SimNode;
  readonly links: ReadonlySet<Link>;
  /** Opens a WebSocket, if there is somebody to open it. Called from the device's side, a latency later. */
  accept(visitor: Visitor): void;
  /** Tells a device that nobody is there. */
  refuse(visitor: Visitor): void;
  /** Ends like on SIGTERM: answers what is in flight, says goodbye, and is gone after 30 s at the latest. */
  drain(gone: () => void): void;
  kill(farewell: "reset" | "none"): void;
  /** What it holds, by name, for those who look for leaks. */
  sizes(): Record<string, number>;
}

/** More than any run has: what strangers may do is tested elsewhere. */
const strangersPerAddressMax = 100;
const drainMaxMs = 30_000;

export function createGatewayHost(options: GatewayHostOptions): GatewayHost {
  return new Host(options);
}

class Host implements GatewayHost {
  readonly node: SimNode;
  readonly links = new Set<Link>();
  readonly #options: GatewayHostOptions;
  readonly #topics: Topics;
  #gateway: GatewayNode | undefined;
  #isDraining = false;

  constructor(options: GatewayHostOptions) {
    this.#options = options;
    this.node = options.node;
    this.#topics = createTopics(options.scheduler);
    void this.#start();
  }

  async #start(): Promise<void> {
    try {
      this.#gateway = await startNode(nodeOptions(this.#options.settings), this.#dependencies());
    } catch {
      this.#options.failed(this);
    }
  }

  #dependencies() {
    const { node, random, services, fabric, metrics } = this.#options;
    const { name: id, clock } = node;
    const publish = (topic: string, message: Uint8Array) => this.#topics.publish(topic, message);
    return { id, ...services, fabric, clock, log: silentLogger, metrics, random, publish };
  }

  accept(visitor: Visitor): void {
    if (!this.node.isAlive || this.#isDraining) return this.refuse(visitor);
    this.node.run(() => {
      const gateway = this.#gateway;
      if (gateway === undefined || this.#isDraining) return this.refuse(visitor);
      if (gateway.context.strangers.enter(visitor.node.name) === "too-many") return this.refuse(visitor);
      this.#open(gateway, visitor);
    });
  }

  #open(gateway: GatewayNode, { node: device, userId, end, opened }: Visitor): void {
    const { scheduler, latencyMs, settings, history } = this.#options;
    const wiretap = createWiretap({ gateway: this.node.name, userId, history, nowMs: () => scheduler.nowMs });
    const link: Link = new Link({
      scheduler,
      latencyMs,
      maxBackpressureBytes: settings.maxBackpressureBytes,
      kernelBytes: settings.kernelBytes,
      remoteAddress: device.name,
      gateway: this.node,
      topics: this.#topics,
      device,
      end,
      handed: wiretap.sent,
      losesPush: () => this.#options.faults.strikes("push-lost"),
      open: (socket) => gateway.connections.open(socket),
      gone: () => void this.links.delete(link),
    });
    this.links.add(link);
    scheduler.after(latencyMs(), () => device.run(() => opened(link)));
  }

  refuse({ node, end }: Visitor): void {
    const { scheduler, latencyMs } = this.#options;
    scheduler.after(latencyMs(), () => node.run(() => end.closed(1006)));
  }

  drain(gone: () => void): void {
    const { scheduler, node } = this.#options;
    const tooLate = new AbortController();
    scheduler.after(drainMaxMs, () => node.run(() => tooLate.abort(new Error("draining took too long"))));
    node.run(() => {
      this.#isDraining = true;
      const end = () => {
        this.kill("reset");
        gone();
      };
      void this.#stop(tooLate.signal).then(end, end);
    });
  }

  async #stop(signal: AbortSignal): Promise<void> {
    await this.#gateway?.drain(signal);
    await this.#gateway?.[Symbol.asyncDispose]();
  }

  kill(farewell: "reset" | "none"): void {
    this.node.kill();
    for (const link of [...this.links]) link.gatewayDied(farewell);
  }

  sizes(): Record<string, number> {
    return { ...this.#gateway?.sizes(), topics: this.#topics.size, "timers of its clock": this.node.timers };
  }
}

function nodeOptions({ heartbeatIntervalMs, lanes, laneQueueMaxBytes, callTimeoutMs }: GatewaySettings): NodeOptions {
  return {
    strangersPerAddressMax,
    loginTimeoutMs: 5_000,
    heartbeatIntervalMs,
    ackDelayMs: 200,
    limits: create(LimitsSchema, defaultLimits),
    lanes,
    laneQueueMaxBytes,
    callMaxBytes: 256 * 1024,
    callTimeoutMs,
  };
}
