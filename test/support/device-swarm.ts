import { type Core, createCore, type Step } from "../../clients/typescript/src/core.js";
import { createStorageTable, type StorageTable } from "../../clients/typescript/src/storage-table.js";
import { seededRandom } from "./device-world.js";
import { type Faults, ModelServer, type ServerSession, type StoreModel } from "./model-server.js";

export type SwarmOptions = {
  seed: number;
  devices: number;
  faults: Faults;
  /** How often a step of a device ends in its process being killed, from 0 to 1. */
  crash: number;
};

type Scheduled = { atMs: number; order: number; run: () => void };
type Link = { session: ServerSession; socket: number; core: Core; lastUpMs: number; lastDownMs: number };

/** One simulated device: its storage outlives its process. */
export type SwarmDevice = {
  name: string;
  token: string;
  table: StorageTable;
  core: Core | undefined;
  link: Link | undefined;
  /** Texts whose outbox entry was stored. */
  sent: string[];
};

const messagesMax = 10_000;

/**
 * Several devices with the shipped core, a model server, and a network between them that delays and cuts, on one virtual
 * clock. Everything follows from the seed.
 */
export class Swarm {
  readonly devices: SwarmDevice[];
  readonly server: ModelServer;
  readonly random: () => number;
  readonly options: SwarmOptions;
  nowMs = 0;
  #events: Scheduled[] = [];
  #order = 0;

  constructor(options: SwarmOptions) {
    this.options = options;
    this.random = seededRandom(options.seed);
    const later = (delayMs: number, run: () => void) => this.later(delayMs, run);
    this.server = new ModelServer({ random: this.random, later, faults: options.faults });
    this.devices = Array.from({ length: options.devices }, (_, index) => this.#device(index));
    for (const device of this.devices) this.#boot(device);
  }

  later(delayMs: number, run: () => void): void {
    this.#events.push({ atMs: this.nowMs + delayMs, order: this.#order++, run });
  }

  /** Lets everything happen that happens within `ms`. */
  run(ms: number): void {
    const untilMs = this.nowMs + ms;
    for (let guard = 0; guard < 1_000_000; guard += 1) {
      const event = this.#next();
      const tick = this.#nextTick();
      const atMs = Math.min(event?.atMs ?? untilMs + 1, tick?.atMs ?? untilMs + 1);
      if (atMs > untilMs) break;
      this.nowMs = Math.max(this.nowMs, atMs);
      if (event !== undefined && event.atMs <= atMs) {
        this.#events.splice(this.#events.indexOf(event), 1);
        event.run();
      } else if (tick !== undefined) this.#step(tick.device, { kind: "tick" });
    }
    this.nowMs = untilMs;
  }

  send(device: SwarmDevice, conversationId: bigint, text: string): void {
    if (device.core === undefined) return;
    const body = { case: "text" as const, value: { $typeName: "tidewire.v1.Text" as const, text } };
    const content = { $typeName: "tidewire.v1.Content" as const, body };
    const target = { case: "conversationId" as const, value: conversationId };
    const { step, outcome } = device.core.send({ target, content }, this.#at);
    if (outcome.kind !== "queued") throw new Error(`refused: ${outcome.code}`);
    if (this.#perform(device, step) !== "killed-before-writes") device.sent.push(text);
  }

  /** Cuts a device's connection: what is under way in either direction is lost. */
  cut(device: SwarmDevice): void {
    const { link, core } = device;
    if (link === undefined) return;
    device.link = undefined;
    this.server.disconnect(link.session);
    this.later(this.random() * 50, () => {
      if (device.core === core) this.#step(device, { kind: "socket-closed", socket: link.socket, code: 1006 });
    });
  }

  /** Kills a device's process; it starts again soon. */
  kill(device: SwarmDevice): void {
    if (device.link !== undefined) this.server.disconnect(device.link.session);
    device.link = undefined;
    device.core = undefined;
    this.later(this.random() * 2_000, () => this.#boot(device));
  }

  /** Brings a killed or living device back to what its storage held earlier. */
  restoreDevice(device: SwarmDevice, backup: StorageTable): void {
    this.kill(device);
    device.table = backup;
  }

  /** Kills the server and starts it on an older state of its store, under a new store_id. */
  restoreServer(backup: StoreModel): void {
    for (const device of this.devices) this.cut(device);
    this.server.store = { ...backup, storeId: `${backup.storeId}'` };
  }

  /** Stops all faults, and lets everybody come to rest. */
  settle(): void {
    Object.assign(this.options.faults, {
      pushLost: 0,
      pushDoubled: 0,
      pushLate: 0,
      laneDropped: 0,
      outcomeLost: 0,
      busy: 0,
    });
    this.options.crash = 0;
    this.run(60_000);
    this.server.sweep();
    this.run(60_000);
  }

  #device(index: number): SwarmDevice {
    const table = createStorageTable({ messagesPerConversationMax: messagesMax });
    const name = `device-${index}`;
    table.apply({ kind: "identity", deviceId: name, userId: 0n, storeId: "" });
    return { name, token: `user ${(index % 3) + 1}`, table, core: undefined, link: undefined, sent: [] };
  }

  #boot(device: SwarmDevice): void {
    if (device.core !== undefined) return;
    const restored = device.table.snapshot;
    device.core = createCore({ restored, random: this.random, platform: "test", clientVersion: "test" });
    this.#step(device, { kind: "start" });
  }

  get #at() {
    return { monotonicMs: this.nowMs, wallMs: this.nowMs };
  }

  #step(device: SwarmDevice, event: Parameters<Core["step"]>[0]): void {
    if (device.core !== undefined) this.#perform(device, device.core.step(event, this.#at));
  }

  #perform(device: SwarmDevice, step: Step): "done" | "killed-before-writes" | "killed" {
    const { core } = device;
    if (step.writes.length > 0 && this.random() < this.options.crash) {
      this.kill(device);
      return "killed-before-writes";
    }
    for (const write of step.writes) device.table.apply(write);
    for (const action of step.actions) {
      if (this.random() < this.options.crash / 4) this.kill(device);
      if (device.core !== core || core === undefined) return "killed";
      this.#act(device, core, action);
    }
    return "done";
  }

  #act(device: SwarmDevice, core: Core, action: Step["actions"][number]): void {
    const soon = (run: () => void) =>
      this.later(this.random() * 30, () => {
        if (device.core === core) run();
      });
    if (action.kind === "fetch-token") {
      const { request } = action;
      soon(() => this.#step(device, { kind: "token", request, token: device.token }));
    }
    if (action.kind === "connect") soon(() => this.#connect(device, core, action.socket));
    if (action.kind === "disconnect" && device.link?.socket === action.socket) {
      this.server.disconnect(device.link.session);
      device.link = undefined;
    }
    const { link } = device;
    if (action.kind !== "transmit" || link?.socket !== action.socket) return;
    link.lastUpMs = Math.max(link.lastUpMs, this.nowMs + this.random() * 40);
    this.later(link.lastUpMs - this.nowMs, () => {
      if (link.session.isOpen) this.server.receive(link.session, action.bytes);
    });
  }

  #connect(device: SwarmDevice, core: Core, socket: number): void {
    const session = this.server.connect((bytes) => {
      link.lastDownMs = Math.max(link.lastDownMs, this.nowMs + this.random() * 40);
      this.later(link.lastDownMs - this.nowMs, () => {
        if (device.link === link && link.core === device.core)
          this.#step(device, { kind: "socket-message", socket, bytes });
      });
    });
    const link: Link = { session, socket, core, lastUpMs: 0, lastDownMs: 0 };
    device.link = link;
    this.#step(device, { kind: "socket-opened", socket });
  }

  #next(): Scheduled | undefined {
    let first: Scheduled | undefined;
    for (const event of this.#events) {
      const isEarlier =
        first === undefined || event.atMs < first.atMs || (event.atMs === first.atMs && event.order < first.order);
      if (isEarlier) first = event;
    }
    return first;
  }

  #nextTick(): { atMs: number; device: SwarmDevice } | undefined {
    let first: { atMs: number; device: SwarmDevice } | undefined;
    for (const device of this.devices) {
      const atMs = device.core?.deadlineMs();
      if (atMs !== undefined && atMs < (first?.atMs ?? Number.POSITIVE_INFINITY)) first = { atMs, device };
    }
    return first;
  }
}

/** A copy that later writes do not touch. */
export function copyTable(table: StorageTable): StorageTable {
  const copy = createStorageTable({ messagesPerConversationMax: messagesMax });
  for (const write of table.writes()) copy.apply(write);
  return copy;
}
