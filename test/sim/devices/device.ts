import { type Action, type Core, type CoreEvent, createCore, type Step } from "../../../clients/typescript/src/core.js";
import type { ClientEvent } from "../../../clients/typescript/src/events.js";
import type { Unnumbered } from "../../../clients/typescript/src/outbox.js";
import type { StorageTable } from "../../../clients/typescript/src/storage-table.js";
import type { Ack } from "../../../gen/ts/tidewire/v1/frame_pb.js";
import type { SimNode } from "../engine/node.js";
import type { Random } from "../engine/random.js";
import type { Planned, Scheduler } from "../engine/scheduler.js";
import type { Faults } from "../faults/faults.js";
import type { DeviceEnd, Link } from "../network/link.js";
import type { Visitor } from "../processes/gateway-host.js";
import { acksIn, withoutAcks } from "./client-frames.js";
import { makeLies } from "./lies.js";
import { copyStorage, createDeviceStorage } from "./storage.js";

/** Who looks on, for the history. */
export interface DeviceWitness {
  /** The app has sent this, and the storage has it. */
  sent(device: SimDevice, clientId: bigint, target: Unnumbered["target"], text: string): void;
  /** What the app is told is stored: from now on the device knows it, even if its process dies before it says so. */
  stored(device: SimDevice, event: ClientEvent): void;
  /** An ack leaves the device. */
  acked(device: SimDevice, ack: Ack): void;
  booted(device: SimDevice, from: "storage" | "rolled-back-storage"): void;
  died(device: SimDevice): void;
}

export type DeviceOptions = Readonly<{
  name: string;
  userId: bigint;
  scheduler: Scheduler;
  random: Random;
  faults: Faults;
  witness: DeviceWitness;
  /** How long its storage takes to commit, in milliseconds. */
  commitMs(): number;
  /** How long its app takes to find a token, in milliseconds. */
  tokenMs(): number;
  /** How long a process that died stays away, in milliseconds. */
  rebootMs(): number;
  /** How long its app takes to start again once its connection was closed for good, in milliseconds. */
  restartMs(): number;
  /** A process on this device. */
  createNode(): SimNode;
  /** An access token; undefined if there is none to be had just now. */
  token(): string | undefined;
  /** All conversations of its world. */
  conversationIds(): readonly bigint[];
  /** Opens a WebSocket to some gateway. */
  connect(visitor: Visitor): void;
}>;

/** A device: its storage outlives its process. The process runs the shipped core. */
export class SimDevice {
  readonly name: string;
  readonly userId: bigint;
  storage: StorageTable;
  /** Undefined while its process is dead. */
  process: DeviceProcess | undefined;
  /** Set by the app, which remembers it. */
  isLoggedOut = false;
  hasLeft = false;
  readonly #options: DeviceOptions;
  #texts = 0;
  #isRolledBack = false;

  constructor(options: DeviceOptions) {
    this.name = options.name;
    this.userId = options.userId;
    this.storage = createDeviceStorage(options.name);
    this.#options = options;
  }

  get core(): Core | undefined {
    return this.process?.core;
  }

  /** Starts its process, unless it runs. */
  boot(): void {
    if (this.process !== undefined) return;
    this.#options.witness.booted(this, this.#isRolledBack ? "rolled-back-storage" : "storage");
    this.#isRolledBack = false;
    this.process = new DeviceProcess(this, this.#options);
    if (!this.isLoggedOut) this.process.step({ kind: "start" });
  }

  /** Kills its process. @param farewell whether its kernel tells the gateway. */
  kill(farewell: "reset" | "none" = "reset"): void {
    if (this.process === undefined) return;
    this.#options.witness.died(this);
    const { process } = this;
    this.process = undefined;
    process.die(farewell);
    const { scheduler, rebootMs } = this.#options;
    scheduler.after(rebootMs(), () => this.hasLeft || this.boot());
  }

  /** It logs out, and is switched off for good. */
  leave(): void {
    this.hasLeft = true;
    this.logOut();
    this.kill();
  }

  /** What keeps it from working ends. */
  heal(): void {
    this.process?.node.resume();
    this.process?.endLies();
    this.boot();
    if (this.isLoggedOut) this.logIn();
  }

  /** What its storage holds now, for `restore`. */
  backup(): StorageTable {
    return copyStorage(this.storage);
  }

  /** Its process dies, and finds an older storage when it is started again. */
  restore(backup: StorageTable): void {
    this.kill();
    this.#isRolledBack = true;
    this.storage = copyStorage(backup);
  }

  /** Sends a text that no other message has. @returns false if there is no process, or it has no room. */
  send(target: Unnumbered["target"], padding = ""): boolean {
    if (this.process === undefined || !this.process.node.isAlive) return false;
    return this.process.send(target, `${this.name}#${++this.#texts}${padding}`);
  }

  /** The app says that the user has read up to where the device holds a conversation. */
  read(conversationId: bigint): void {
    const seq = this.storage.snapshot.cursors.get(conversationId) ?? 0n;
    this.#step({ kind: "read", conversationId, seq, counter: undefined });
  }

  logOut(): void {
    this.isLoggedOut = true;
    this.#step({ kind: "stop", advice: "The user has logged out." });
  }

  logIn(): void {
    this.isLoggedOut = false;
    this.#step({ kind: "start" });
  }

  #step(event: CoreEvent): void {
    const { process } = this;
    process?.node.run(() => process.step(event));
  }
}

/** One life of a device's process. */
export class DeviceProcess {
  readonly core: Core;
  readonly node: SimNode;
  link: Link | undefined;
  readonly #device: SimDevice;
  readonly #options: DeviceOptions;
  /** The number that the core gave to what it is connected to, or wants to be. */
  #socket: number | undefined;
  #acks: "honest" | "swallowed" | "absurd" = "honest";
  #wake: { planned: Planned; atMs: number } | undefined;
  #committedMs = 0;
  /** Steps that are being written, or wait behind one that is: a step is carried out after all before it, also after a pause. */
  #underWay = 0;

  constructor(device: SimDevice, options: DeviceOptions) {
    this.#device = device;
    this.#options = options;
    this.node = options.createNode();
    const { random } = options;
    const restored = device.storage.snapshot;
    this.core = createCore({ restored, random, platform: "simulated", clientVersion: "1" });
  }

  die(farewell: "reset" | "none"): void {
    this.node.kill();
    this.#wake?.planned.cancel();
    this.link?.deviceDied(farewell);
  }

  step(event: CoreEvent): void {
    if (this.node.isAlive) this.#perform(this.core.step(event, this.#now()));
  }

  send(target: Unnumbered["target"], text: string): boolean {
    const body = { case: "text" as const, value: { $typeName: "tidewire.v1.Text" as const, text } };
    const message = { target, content: { $typeName: "tidewire.v1.Content" as const, body } };
    const { step, outcome } = this.core.send(message, this.#now());
    if (outcome.kind === "refused") return false;
    const { clientId } = outcome;
    this.#perform(step, () => this.#options.witness.sent(this.#device, clientId, target, text));
    return true;
  }

  #now() {
    return { monotonicMs: this.node.clock.monotonicMs(), wallMs: this.node.clock.nowMs() };
  }

  #perform(step: Step, written?: () => void): void {
    this.#arm();
    const { scheduler, commitMs } = this.#options;
    const delayMs = step.writes.length > 0 ? commitMs() : 0;
    const atMs = Math.max(this.#committedMs, scheduler.nowMs + delayMs);
    if (atMs === scheduler.nowMs && this.#underWay === 0) return this.#carryOut(step, written);
    this.#committedMs = atMs;
    this.#underWay++;
    scheduler.at(atMs, () =>
      this.node.run(() => {
        this.#underWay--;
        this.#carryOut(step, written);
      }),
    );
  }

  /** First everything is written, at once; then it acts. Its process may die before, between, and after. */
  #carryOut({ writes, actions }: Step, written?: () => void): void {
    const { faults, witness } = this.#options;
    if (writes.length > 0 && faults.strikes("device-crash-before-writes")) return this.#device.kill();
    for (const write of writes) this.#device.storage.apply(write);
    written?.();
    for (const action of actions) if (action.kind === "tell") witness.stored(this.#device, action.event);
    for (const action of actions) {
      if (faults.strikes("device-crash-between-actions")) this.#device.kill();
      if (!this.node.isAlive) return;
      this.#act(action);
    }
  }

  #act(action: Action): void {
    switch (action.kind) {
      case "fetch-token":
        return this.#fetchToken(action.request);
      case "connect":
        return this.#connect(action.socket);
      case "transmit":
        return this.#transmit(action.bytes);
      case "disconnect":
        return this.#disconnect(action.socket);
      case "tell":
        return this.#hear(action.event);
    }
  }

  /** An app whose connection is closed for good, though it did not ask for that, starts again after a while. */
  #hear(event: ClientEvent): void {
    if (event.kind !== "connection" || event.connection.state !== "closed" || this.#device.isLoggedOut) return;
    const { scheduler, restartMs } = this.#options;
    scheduler.after(restartMs(), () => this.node.run(() => this.#device.isLoggedOut || this.step({ kind: "start" })));
  }

  #fetchToken(request: number): void {
    const { scheduler, tokenMs, token } = this.#options;
    scheduler.after(tokenMs(), () =>
      this.node.run(() => {
        const given = token();
        if (given !== undefined) return this.step({ kind: "token", request, token: given });
        this.step({ kind: "token-failed", request, advice: "no token", outcome: "retry" });
      }),
    );
  }

  #connect(socket: number): void {
    this.#socket = socket;
    this.#acks = this.#chooseAcks();
    const end: DeviceEnd = {
      message: (bytes) => this.step({ kind: "socket-message", socket, bytes }),
      closed: (code) => this.step({ kind: "socket-closed", socket, code }),
    };
    const opened = (link: Link) => {
      if (this.#socket !== socket) return link.disconnect(); // it has given up meanwhile
      this.link = link;
      this.step({ kind: "socket-opened", socket });
    };
    this.#options.connect({ node: this.node, userId: this.#device.userId, end, opened });
  }

  #disconnect(socket: number): void {
    if (this.#socket !== socket) return;
    this.#socket = undefined;
    this.link?.disconnect();
    this.link = undefined;
  }

  #transmit(bytes: Uint8Array): void {
    if (this.#acks === "swallowed") {
      const others = withoutAcks(bytes);
      if (others !== undefined) this.link?.transmit(others);
      return;
    }
    const acks = acksIn(bytes);
    for (const ack of acks) this.#options.witness.acked(this.#device, ack);
    this.link?.transmit(bytes);
    if (this.#acks === "absurd" && acks.length > 0) this.#lie();
  }

  #chooseAcks(): "honest" | "swallowed" | "absurd" {
    const { faults } = this.#options;
    if (faults.strikes("acks-swallowed")) return "swallowed";
    return faults.strikes("acks-absurd") ? "absurd" : "honest";
  }

  #lie(): void {
    const { witness, conversationIds, random } = this.#options;
    const { cursors } = this.#device.storage.snapshot;
    const { ack, frames } = makeLies({ random, conversationIds: conversationIds(), cursors });
    witness.acked(this.#device, ack);
    this.link?.transmit(frames);
  }

  /** Whoever says that it has what it has not is not sent that again: it finds it when it logs in. */
  endLies(): void {
    if (this.#acks === "absurd") this.link?.cut();
  }

  /** Wakes the core at its deadline. A wake that comes too early only looks again: deadlines move away with every frame. */
  #arm(): void {
    const deadlineMs = this.core.deadlineMs();
    if (deadlineMs === undefined) return;
    const { scheduler } = this.#options;
    const atMs = scheduler.nowMs + Math.max(1, Math.ceil(deadlineMs - this.node.clock.monotonicMs()));
    if (this.#wake !== undefined && this.#wake.atMs <= atMs) return;
    this.#wake?.planned.cancel();
    this.#wake = { atMs, planned: scheduler.at(atMs, () => this.node.run(() => this.#awake())) };
  }

  #awake(): void {
    this.#wake = undefined;
    const deadlineMs = this.core.deadlineMs();
    if (deadlineMs === undefined) return;
    if (deadlineMs <= this.node.clock.monotonicMs()) this.step({ kind: "tick" });
    else this.#arm();
  }
}
