import { create, toBinary } from "@bufbuild/protobuf";
import { encodeFrame } from "../../../gateway/frames/frames.js";
import { type GatewayNode, startNode } from "../../../gateway/node.js";
import { DeliverySchema } from "../../../gen/ts/tidewire/v1/delivery_pb.js";
import { LimitsSchema } from "../../../gen/ts/tidewire/v1/frame_pb.js";
import { defaultLimits } from "../../../gen/ts/tidewire/v1/limits.js";
import { createMemoryFabric, type MemoryFabric } from "../../../runtime/fabric/memory.js";
import { silentLogger } from "../../../runtime/log.js";
import { createRecordingMetrics } from "../../sim/engine/counts.js";
import { drainMicrotasks } from "../../sim/engine/microtasks.js";
import { createSimNode, type SimNode } from "../../sim/engine/node.js";
import { createScheduler, type Scheduler } from "../../sim/engine/scheduler.js";
import type { EpisodeTools } from "../engine/episode.js";
import { createFindings, type Findings } from "../engine/findings.js";
import { must } from "../engine/violation.js";
import { conversationIds, users } from "./hints.js";
import { Peer } from "./peer.js";
import { canary, createFuzzServices, type FuzzServices } from "./services.js";
import { createTopics, type Topics } from "./topics.js";

/** Short, so that much happens in little time. */
const callTimeoutMs = 3_000;
/** Some messages: lanes are full now and then. */
const laneQueueMaxBytes = 1_500;
const lanes = 2;
/** Those that only slow a device down are small as well. */
const limits = {
  ...defaultLimits,
  inFlightMax: 3,
  inFlightMaxBytes: 20_000,
  syncRatePerSecond: 3,
  messageBurst: 6,
  messageRatePerSecond: 2,
};
const gatewayId = "g1";
/** Of a gateway with nobody there, and a few for entries, marks and lanes. */
const timersMin = 15;
/** Its next deadline, and the look after what it has not acknowledged. */
const timersPerPeer = 3;
/** Longer than anything is kept for those who have gone. */
export const idleMs = 150_000;

/** A whole gateway on a virtual clock, with sockets, services and a fabric that the fuzz owns. */
export class GatewayWorld {
  readonly services: FuzzServices;
  readonly findings: Findings = createFindings();
  readonly node: GatewayNode;
  readonly #tools: EpisodeTools;
  readonly #scheduler: Scheduler = createScheduler();
  readonly #process: SimNode;
  readonly #topics: Topics = createTopics();
  readonly #fabric: MemoryFabric;
  readonly #heads = new Map<bigint, bigint>();
  readonly #fabricSizeAtFirst: number;
  readonly #timersAtFirst: number;
  #speaking: Peer | undefined;

  constructor(tools: EpisodeTools) {
    this.#tools = tools;
    this.#process = createSimNode({ name: gatewayId, scheduler: this.#scheduler, wallSkewMs: 0, turnMs: () => 0 });
    const { clock } = this.#process;
    const random = tools.random.fork("services");
    this.services = createFuzzServices({ random, clock, callTimeoutMs, findings: this.findings });
    this.#fabric = createMemoryFabric({ clock });
    this.node = this.#startNode();
    this.#fabricSizeAtFirst = this.#fabric.size;
    this.#timersAtFirst = this.node.sizes()["timers"] ?? 0;
  }

  #startNode(): GatewayNode {
    const { accounts, conversations, messages } = this.services;
    const { clock } = this.#process;
    let node: GatewayNode | undefined;
    const publish = (topic: string, message: Uint8Array) => this.#topics.publish(topic, message);
    const metrics = createRecordingMetrics(this.#tools.counts);
    const random = this.#tools.random.fork("gateway");
    void startNode(nodeOptions, {
      id: gatewayId,
      accounts: {
        ...accounts,
        openSession: (request, options) => this.#watchOpening(accounts.openSession(request, options)),
      },
      conversations,
      messages,
      fabric: this.#fabric,
      clock,
      log: silentLogger,
      metrics,
      random,
      publish,
    }).then((started) => {
      node = started;
    });
    drainMicrotasks();
    must(node, "a gateway starts");
    return node;
  }

  /** The call comes while the login is being delivered: that tells whose it is. */
  async #watchOpening<T>(opening: Promise<T>): Promise<T> {
    const peer = this.#speaking;
    if (peer?.state !== "greeting") this.findings.report("a session is opened once, by a login", peer?.state);
    if (peer) peer.state = "opening";
    const opened = await opening;
    if (peer?.state === "opening") peer.state = "attaching";
    return opened;
  }

  connect(): Peer {
    const { counts } = this.#tools;
    this.node.context.strangers.enter("10.0.0.1");
    const peer = new Peer({ findings: this.findings, counts, topics: this.#topics });
    return peer.connect((socket) => this.node.connections.open(socket));
  }

  /** Delivers what a peer says, and whatever it brings about in the same turn. */
  deliver(peer: Peer, bytes: Uint8Array, kind: "binary" | "text"): void {
    this.#speaking = peer;
    peer.message(bytes, kind);
    this.#speaking = undefined;
  }

  settle(ms = 0): void {
    drainMicrotasks();
    this.#scheduler.runUntil(this.#scheduler.nowMs + ms);
    drainMicrotasks();
  }

  /** Somebody has written: all users, the canary included, are sent it. */
  push(): void {
    const conversationId = this.#tools.random.pick(conversationIds);
    const seq = (this.#heads.get(conversationId) ?? 0n) + 1n;
    this.#heads.set(conversationId, seq);
    const frame = encodeFrame({ case: "push", value: { message: { conversationId, seq, messageId: seq } } });
    const userIds = conversationId === 9n ? [] : [...users, canary.userId];
    this.#publish({ entries: [{ conversationId, seq, rosterSeq: 1n, frame, userIds }] });
  }

  /** A newer session of some device exists elsewhere. */
  fence(): void {
    const userId = this.#tools.random.pick(users);
    this.#publish({ fences: [{ userId, device: 1, epoch: this.services.epochOf(userId, 1) + 1n }] });
  }

  #publish(delivery: Parameters<typeof create<typeof DeliverySchema>>[1]): void {
    void this.#fabric.streams.publish(gatewayId, toBinary(DeliverySchema, create(DeliverySchema, delivery)));
  }

  /** What everything together may hold, however many inputs there were. */
  checkBounds(peersMax: number): void {
    const { connections, laneBytes, rates, strangers, timers } = this.node.sizes();
    const isBounded =
      within(connections, peersMax) &&
      within(strangers, peersMax) &&
      within(laneBytes, lanes * laneQueueMaxBytes) &&
      within(rates, users.length + 1) &&
      within(timers, timersMin + timersPerPeer * (connections ?? 0));
    must(isBounded, "what a gateway holds is bounded", () => JSON.stringify(this.node.sizes()));
  }

  /** Ends the process as SIGTERM does, once nobody is there any more, and looks whether anything is left. */
  stop(): void {
    this.settle(idleMs);
    const { timers = 0, ...sizes } = this.node.sizes();
    const isEmpty = Object.values(sizes).every((size) => size === 0) && within(timers, this.#timersAtFirst);
    must(isEmpty, "nothing is left of those who left", () => JSON.stringify(this.node.sizes()));
    void this.#writeMarks();
    void this.node[Symbol.asyncDispose]();
    void this.#fabric[Symbol.asyncDispose]();
    this.settle(idleMs);
    const left = [this.#topics.size, this.#process.timers, this.#fabric.size - this.#fabricSizeAtFirst];
    must(
      left.every((size) => size <= 0),
      "nothing is left behind",
      () => `topics, timers, fabric: ${left}`,
    );
  }

  /** What a service would do: delivered marks go to the store, and are forgotten here. */
  async #writeMarks(): Promise<void> {
    await this.#fabric.marks.settle(await this.#fabric.marks.unsettled(1_000_000));
  }
}

function within(size: number | undefined, max: number): boolean {
  return (size ?? 0) <= max;
}

const nodeOptions = {
  strangersPerAddressMax: 1_000,
  loginTimeoutMs: 5_000,
  heartbeatIntervalMs: 30_000,
  ackDelayMs: 200,
  limits: create(LimitsSchema, limits),
  lanes,
  laneQueueMaxBytes,
  callMaxBytes: 256 * 1024,
  callTimeoutMs,
};
