import { create } from "@bufbuild/protobuf";
import type { Content } from "../../../gen/ts/tidewire/v1/content_pb.js";
import { CloseCode, ErrorCode } from "../../../gen/ts/tidewire/v1/error_pb.js";
import {
  type ClientFrame,
  type Compression,
  LogoutSchema,
  ReadMarkSchema,
  type ServerFrame,
} from "../../../gen/ts/tidewire/v1/frame_pb.js";
import { defaultLimits } from "../../../gen/ts/tidewire/v1/limits.js";
import { createAcks } from "./acks.js";
import { createCatchUp } from "./catch-up.js";
import { type ConnectionEffect, type ConnectionState, createConnection, type Instant } from "./connection.js";
import { type Conversation, createConversations, toConversation } from "./conversations.js";
import { unreachable } from "./errors.js";
import type { ClientEvent } from "./events.js";
import { decodeServerFrames, encodeFrame, packFrames } from "./frames.js";
import { createInbox } from "./inbox.js";
import { createOutbox, type Unnumbered } from "./outbox.js";
import { createReception, numbersDiffer, type Parts, type Reception } from "./reception.js";
import type { Snapshot, Write } from "./storage.js";

/** What can happen to a client. */
export type CoreEvent =
  | { kind: "start" }
  /** @property advice Shown as the reason of the closed state. */
  | { kind: "stop"; advice: string }
  /** The answer to `fetch-token`. */
  | { kind: "token"; request: number; token: string }
  | { kind: "token-failed"; request: number; advice: string; outcome: "retry" | "final" }
  | { kind: "socket-opened"; socket: number }
  /** One whole binary WebSocket message, in which no page is packed. */
  | { kind: "socket-message"; socket: number; bytes: Uint8Array }
  | { kind: "socket-closed"; socket: number; code: number }
  /** The time that `deadlineMs` named has come. */
  | { kind: "tick" }
  | { kind: "read"; conversationId: bigint; seq: bigint; counter: bigint | undefined }
  | { kind: "focus"; conversationId: bigint };

/** What has to be done. */
export type Action =
  | { kind: "fetch-token"; request: number }
  | { kind: "connect"; socket: number; address: string | undefined }
  /** Send this as one binary WebSocket message. */
  | { kind: "transmit"; socket: number; bytes: Uint8Array }
  | { kind: "disconnect"; socket: number; code: number }
  | { kind: "tell"; event: ClientEvent };

/**
 * What one step asks for: first make all `writes` durable, in one batch; then perform `actions`, in order. The steps
 * themselves are performed in order, too; neighbours may share a batch. All promises of this client rest on that: what
 * is sent is in the outbox, and what is acknowledged is stored.
 */
export type Step = Readonly<{ writes: readonly Write[]; actions: readonly Action[] }>;

/**
 * A device's whole behaviour without clock, timer, socket, storage or random of its own: events go in, steps come out.
 * The same code runs in an app and in a simulator.
 */
export interface Core {
  step(event: CoreEvent, at: Instant): Step;
  /** Queues a message. Refused here if no server could ever take it, or if the outbox is full. */
  send(message: Unnumbered, at: Instant): { step: Step; outcome: SendOutcome };
  /** When to step with `tick`, on the monotonic clock. `undefined`: not before another event. */
  deadlineMs(): number | undefined;
  readonly connection: ConnectionState;
  readonly userId: bigint;
  conversations(): Conversation[];
  conversation(conversationId: bigint): Conversation | undefined;
  /** Own messages without an outcome, in the order in which they were sent. */
  pending(): Pending[];
}

/** A message without an outcome. */
export type Pending = Readonly<{ clientId: bigint; target: Unnumbered["target"]; content: Content | undefined }>;

export type SendOutcome = { kind: "queued"; clientId: bigint } | { kind: "refused"; code: ErrorCode };

export type CoreOptions = Readonly<{
  /** What the storage held, with a `deviceId`. */
  restored: Snapshot;
  /** Uniform in [0, 1). */
  random: () => number;
  /** "ios", "android", "web", "desktop", "cli", … At most 32 bytes. */
  platform: string;
  /** The app's name and version. At most 64 bytes. */
  clientVersion: string;
  /** What is unpacked before this core sees it. Default: nothing. */
  compressions?: readonly Compression[];
}>;

/** Most messages without an outcome. A full outbox refuses with BUSY. */
const outboxMax = 10_000;

export function createCore(options: CoreOptions): Core {
  return new DeviceCore(options);
}

class DeviceCore implements Core {
  readonly #parts: Parts;
  readonly #reception: Reception;
  #writes: Write[] = [];
  #actions: Action[] = [];
  #frames: Uint8Array[] = [];

  constructor({ restored, random, platform, clientVersion, compressions = [] }: CoreOptions) {
    const { deviceId } = restored;
    const facts = { deviceId, platform, clientVersion, compressions: [...compressions] };
    const identity = { deviceId, userId: restored.userId, storeId: restored.storeId, device: 0 };
    const parts: Parts = {
      identity,
      limits: defaultLimits,
      ackDelayMs: 200,
      watermark: restored.watermark,
      outbox: createOutbox(restored, random),
      inbox: createInbox(restored.cursors),
      conversations: createConversations(restored),
      acks: createAcks({ delayMs: () => parts.ackDelayMs, random }),
      catchUp: createCatchUp(random),
      connection: createConnection(() => ({ ...facts, storeId: identity.storeId }), random),
    };
    this.#parts = parts;
    this.#reception = createReception(parts);
  }

  get connection(): ConnectionState {
    return this.#parts.connection.current;
  }

  get userId(): bigint {
    return this.#parts.identity.userId;
  }

  conversations(): Conversation[] {
    return [...this.#parts.conversations.heads()].map(toConversation);
  }

  conversation(conversationId: bigint): Conversation | undefined {
    const head = this.#parts.conversations.get(conversationId);
    return head === undefined ? undefined : toConversation(head);
  }

  pending(): Pending[] {
    const entries = [...this.#parts.outbox.entries()];
    return entries.map(([clientId, { target, content }]) => ({ clientId, target, content }));
  }

  deadlineMs(): number | undefined {
    const { connection, outbox, inbox, acks, catchUp } = this.#parts;
    const deadlines = [connection, outbox, inbox, acks, catchUp].map((part) => part.deadlineMs());
    const earliest = Math.min(...deadlines.map((deadline) => deadline ?? Number.POSITIVE_INFINITY));
    return Number.isFinite(earliest) ? earliest : undefined;
  }

  step(event: CoreEvent, at: Instant): Step {
    this.#handle(event, at);
    return this.#finish(at);
  }

  send(message: Unnumbered, at: Instant): { step: Step; outcome: SendOutcome } {
    const { outbox, limits } = this.#parts;
    const code = refusal(message, outbox, limits);
    if (code !== undefined) return { step: { writes: [], actions: [] }, outcome: { kind: "refused", code } };
    const { clientId, writes } = outbox.add(message);
    this.#writes.push(...writes);
    return { step: this.#finish(at), outcome: { kind: "queued", clientId } };
  }

  #handle(event: CoreEvent, at: Instant): void {
    const { connection, catchUp } = this.#parts;
    switch (event.kind) {
      case "start":
        return this.#perform(connection.start(at));
      case "stop":
        return this.#stop(event.advice);
      case "token":
        return this.#perform(connection.token(event.request, event.token, at));
      case "token-failed":
        return this.#perform(connection.tokenFailed(event.request, event.advice, event.outcome, at));
      case "socket-opened":
        return this.#perform(connection.opened(event.socket, at));
      case "socket-message":
        return this.#receive(event.socket, event.bytes, at);
      case "socket-closed":
        return this.#perform(connection.closed(event.socket, event.code, at));
      case "tick":
        return this.#perform(connection.tick(at));
      case "read":
        return this.#read(event.conversationId, event.seq, event.counter);
      case "focus":
        return catchUp.focus(event.conversationId);
      default:
        return unreachable(event);
    }
  }

  /** Ends a step: whatever became due through it, or through time alone, is said now. */
  #finish(at: Instant): Step {
    const { connection } = this.#parts;
    const { writes, events } = this.#reception.settle(at);
    this.#writes.push(...writes);
    for (const event of events) this.#tell(event);
    if (connection.isOpen(connection.socket)) this.#sayWhatIsDue(at);
    this.#flush();
    const step = { writes: this.#writes, actions: this.#actions };
    this.#writes = [];
    this.#actions = [];
    return step;
  }

  #sayWhatIsDue(at: Instant): void {
    const { outbox, catchUp, inbox, acks, limits, connection, watermark } = this.#parts;
    const nowMs = at.monotonicMs;
    this.#frames.push(...outbox.due(nowMs));
    for (const frame of catchUp.due(nowMs, { watermark, cursor: inbox.cursor })) this.#say(frame);
    if (acks.isDue(nowMs)) for (const frame of acks.take(limits.ackMax)) this.#say(frame);
    if (outbox.isStuck) this.#perform(connection.abandon(numbersDiffer, at));
  }

  #say(frame: ClientFrame["frame"]): void {
    this.#frames.push(encodeFrame(frame));
  }

  #tell(event: ClientEvent): void {
    this.#actions.push({ kind: "tell", event });
  }

  /** Sends what has gathered, so that it keeps its place before the action that follows. */
  #flush(socket = this.#parts.connection.socket): void {
    const { limits } = this.#parts;
    for (const bytes of packFrames(this.#frames, limits)) this.#actions.push({ kind: "transmit", socket, bytes });
    this.#frames = [];
  }

  #perform(effects: readonly ConnectionEffect[]): void {
    for (const effect of effects) {
      switch (effect.kind) {
        case "say":
          this.#say(effect.frame);
          if (effect.frame.case === "heartbeat") this.#sayWithHeartbeat();
          break;
        case "changed":
          this.#onConnectionChanged(effect.connection);
          break;
        case "disconnect":
          this.#flush(effect.socket); // the connection has moved on to the next number
          this.#actions.push(effect);
          break;
        default:
          this.#flush();
          this.#actions.push(effect);
      }
    }
  }

  #sayWithHeartbeat(): void {
    const { acks, conversations, catchUp, limits } = this.#parts;
    for (const frame of acks.take(limits.ackMax)) this.#say(frame);
    const marks = conversations.unconfirmedMarks();
    for (const frame of marks) this.#say(frame);
    if (marks.length > 0) catchUp.wantHeads();
  }

  #onConnectionChanged(connection: ConnectionState): void {
    const { outbox, catchUp, acks } = this.#parts;
    if (connection.state !== "ready") outbox.shut();
    if (connection.state !== "ready" && connection.state !== "draining") {
      catchUp.shut();
      acks.clear();
      this.#frames = [];
    }
    this.#tell({ kind: "connection", connection });
  }

  #receive(socket: number, bytes: Uint8Array, at: Instant): void {
    const { connection } = this.#parts;
    if (socket !== connection.socket) return;
    connection.heard(at);
    const frames = tryDecode(bytes);
    if (frames === undefined) return this.#perform(connection.abandon(garbage, at));
    for (const frame of frames) {
      const { writes, replies, effects, events } = this.#reception.handle(frame, at);
      this.#writes.push(...writes);
      for (const reply of replies) this.#say(reply);
      this.#perform(effects);
      for (const event of events) this.#tell(event);
      if (socket !== connection.socket) return;
    }
  }

  #stop(advice: string): void {
    const { connection, acks, limits } = this.#parts;
    if (connection.isOpen(connection.socket)) {
      for (const frame of acks.take(limits.ackMax)) this.#say(frame);
      this.#say({ case: "logout", value: create(LogoutSchema) });
      this.#flush();
    }
    this.#perform(connection.stop({ code: 0, advice }));
  }

  #read(conversationId: bigint, seq: bigint, counter: bigint | undefined): void {
    const { connection, conversations } = this.#parts;
    const writes = conversations.markRead(conversationId, seq, counter);
    const head = conversations.get(conversationId);
    if (writes.length === 0 || head === undefined) return;
    this.#writes.push(...writes);
    this.#tell({ kind: "conversation", conversation: toConversation(head) });
    if (connection.current.state !== "ready") return;
    this.#say({ case: "readMark", value: create(ReadMarkSchema, { conversationId, seq: head.readSeq }) });
  }
}

const garbage = { code: CloseCode.PROTOCOL_ERROR, advice: "The server sent bytes that are not frames." };

function refusal(message: Unnumbered, outbox: Parts["outbox"], limits: Parts["limits"]): ErrorCode | undefined {
  if (outbox.size >= outboxMax) return ErrorCode.BUSY;
  const { frameBytes, contentBytes } = outbox.measure(message);
  if (contentBytes > limits.contentMaxBytes || frameBytes > limits.frameMaxBytes) return ErrorCode.CONTENT_TOO_LARGE;
  return undefined;
}

function tryDecode(bytes: Uint8Array): ServerFrame[] | undefined {
  try {
    return decodeServerFrames(bytes);
  } catch {
    return undefined;
  }
}
