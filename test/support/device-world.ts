import { create, fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { BinaryReader } from "@bufbuild/protobuf/wire";
import { type Action, type Core, createCore, type Step } from "../../clients/typescript/src/core.js";
import type { ClientEvent } from "../../clients/typescript/src/events.js";
import type { Write } from "../../clients/typescript/src/storage.js";
import { createStorageTable, type StorageTable } from "../../clients/typescript/src/storage-table.js";
import { type Message, MessageSchema } from "../../gen/ts/tidewire/v1/content_pb.js";
import {
  type ClientFrame,
  ClientFrameSchema,
  type LoginOkSchema,
  ServerFrameSchema,
} from "../../gen/ts/tidewire/v1/frame_pb.js";
import { encodeServerFrame } from "./model-server.js";

type ServerFrameInit = NonNullable<MessageInitShape<typeof ServerFrameSchema>["frame"]>;

/** Who the device is in every world: user 7, device 2. */
export const me = { userId: 7n, device: 2 };

/** A client core alone on a virtual clock: the test plays the server, the socket and the app. */
export class DeviceWorld {
  readonly table: StorageTable;
  core: Core;
  nowMs = 0;
  /** Everything that was asked for since the test last looked, in order: storage first, as the contract of Step says. */
  trace: (Write | Action)[] = [];
  #random: () => number;

  constructor(options: { table?: StorageTable; random?: () => number } = {}) {
    this.table = options.table ?? createStorageTable({ messagesPerConversationMax: 1_000 });
    if (this.table.snapshot.deviceId === "") {
      this.table.apply({ kind: "identity", deviceId: "device", userId: 0n, storeId: "" });
    }
    this.#random = options.random ?? (() => 0.5);
    this.core = this.#createCore();
  }

  #createCore(): Core {
    return createCore({ restored: this.table.snapshot, random: this.#random, platform: "test", clientVersion: "test" });
  }

  get at() {
    return { monotonicMs: this.nowMs, wallMs: 1_000_000 + this.nowMs };
  }

  get socket(): number {
    return this.trace.reduce((socket, done) => (done.kind === "connect" ? done.socket : socket), this.#socket);
  }
  #socket = 0;

  perform(step: Step): void {
    for (const write of step.writes) this.table.apply(write);
    this.trace.push(...step.writes, ...step.actions);
  }

  step(event: Parameters<Core["step"]>[0]): void {
    this.perform(this.core.step(event, this.at));
  }

  /** Starts, connects and logs in. */
  login(loginOk: Omit<MessageInitShape<typeof LoginOkSchema>, "$typeName"> = {}): this {
    this.start();
    this.open();
    this.greet(loginOk);
    return this;
  }

  start(token = "token"): void {
    this.step({ kind: "start" });
    this.giveToken(token);
  }

  giveToken(token: string): void {
    const asked = this.trace.findLast((done) => done.kind === "fetch-token");
    if (asked?.kind !== "fetch-token") throw new Error("nobody asked for a token");
    this.step({ kind: "token", request: asked.request, token });
  }

  open(): void {
    this.step({ kind: "socket-opened", socket: this.socket });
  }

  greet(loginOk: Omit<MessageInitShape<typeof LoginOkSchema>, "$typeName"> = {}): void {
    const usual = { ...me, storeId: "store-1", heartbeatIntervalMs: 30_000, ackDelayMs: 200 };
    this.say({ case: "loginOk", value: { ...usual, ...loginOk } });
  }

  /** The server says these frames, in one WebSocket message. */
  say(...frames: ServerFrameInit[]): void {
    const encoded = frames.map((frame) => encodeServerFrame(create(ServerFrameSchema, { frame }).frame));
    this.step({ kind: "socket-message", socket: this.socket, bytes: Buffer.concat(encoded) });
  }

  hangUp(code = 1006): void {
    this.step({ kind: "socket-closed", socket: this.socket, code });
  }

  /** Lets time pass, deadline by deadline. */
  advance(ms: number): void {
    const untilMs = this.nowMs + ms;
    for (let guard = 0; guard < 10_000; guard += 1) {
      const deadlineMs = this.core.deadlineMs();
      if (deadlineMs === undefined || deadlineMs > untilMs) {
        this.nowMs = untilMs;
        return;
      }
      this.nowMs = Math.max(this.nowMs, deadlineMs);
      this.step({ kind: "tick" });
    }
    throw new Error("the core asks to be woken again and again");
  }

  /** The process dies and starts again on what it had stored. */
  restart(): void {
    this.core = this.#createCore();
    this.#forget();
  }

  send(text: string, conversationId = 1n): bigint {
    const body = { case: "text" as const, value: { $typeName: "tidewire.v1.Text" as const, text } };
    const content = { $typeName: "tidewire.v1.Content" as const, body };
    const { step, outcome } = this.core.send(
      { target: { case: "conversationId", value: conversationId }, content },
      this.at,
    );
    this.perform(step);
    if (outcome.kind === "refused") throw new Error(`refused with ${outcome.code}`);
    return outcome.clientId;
  }

  /** The frames that left since the last look. */
  sent(): ClientFrame["frame"][] {
    const frames: ClientFrame["frame"][] = [];
    for (const done of this.trace) if (done.kind === "transmit") frames.push(...decodeClientFrames(done.bytes));
    this.#forget();
    return frames;
  }

  /** Of the frames that left since the last look, those of one kind. */
  sentOf<Case extends string>(kind: Case): Extract<ClientFrame["frame"], { case: Case }>["value"][] {
    return this.sent().flatMap((frame) => (frame.case === kind ? [frame.value] : [])) as never;
  }

  /** What the app was told since the last look. */
  told<Kind extends ClientEvent["kind"]>(kind: Kind): Extract<ClientEvent, { kind: Kind }>[] {
    const events = this.trace.flatMap((done) => (done.kind === "tell" ? [done.event] : []));
    this.#forget();
    return events.filter((event): event is Extract<ClientEvent, { kind: Kind }> => event.kind === kind);
  }

  #forget(): void {
    this.#socket = this.socket;
    const token = this.trace.findLast((done) => done.kind === "fetch-token");
    this.trace = token === undefined ? [] : [token];
  }
}

export function decodeClientFrames(bytes: Uint8Array): ClientFrame["frame"][] {
  const reader = new BinaryReader(bytes);
  const frames: ClientFrame["frame"][] = [];
  while (reader.pos < reader.len) frames.push(fromBinary(ClientFrameSchema, reader.bytes()).frame);
  return frames;
}

type TextFields = { text?: string } & Partial<
  Pick<Message, "conversationId" | "messageId" | "senderId" | "senderDevice" | "clientId" | "counter">
>;

/** A text in a log, from somebody else unless told otherwise. */
export function textMessage(seq: bigint, fields: TextFields = {}): Message {
  const { text = `message ${seq}`, ...rest } = fields;
  const content = { body: { case: "text" as const, value: { text } } };
  return create(MessageSchema, {
    conversationId: 1n,
    seq,
    messageId: seq,
    senderId: 8n,
    counter: seq,
    content,
    ...rest,
  });
}

/** The frame that pushes it. */
export function pushOf(message: Message) {
  return { case: "push" as const, value: { message } };
}

/** A generator that gives the same numbers for the same seed. Source: mulberry32. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
