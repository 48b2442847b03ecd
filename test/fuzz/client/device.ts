import { type Action, type Core, type CoreEvent, createCore, type Step } from "../../../clients/typescript/src/core.js";
import { decodeClientFrame } from "../../../clients/typescript/src/frames.js";
import type { Write } from "../../../clients/typescript/src/storage.js";
import { createStorageTable } from "../../../clients/typescript/src/storage-table.js";
import { parseDeviceEvent } from "../../../gateway/frames/device-event.js";
import { splitFrames } from "../../../gateway/frames/frames.js";
import { type ClientFrame, ClientFrameSchema } from "../../../gen/ts/tidewire/v1/frame_pb.js";
import { decode } from "../../../runtime/binary.js";
import { fullBucket } from "../../../runtime/gcra.js";
import type { Counts } from "../../sim/engine/counts.js";
import { must } from "../engine/violation.js";
import { text } from "./knowledge.js";

/** What is sent is read by the gateway's own reader. How large it may be is for the server to say, and it may say anything. */
const anySize = { messageMaxBytes: 2 ** 31, frameMaxBytes: 2 ** 31, framesPerMessageMax: 2 ** 31 };
const surroundings = { rate: fullBucket, lane: () => "open" as const };
/** A core that wants to be woken more often than this within a second spins. */
const ticksPerSecondMax = 100;

/** A client core with its storage, on a virtual clock: the fuzz plays the server, the socket and the app. */
export class Device {
  readonly table = createStorageTable({ messagesPerConversationMax: 200 });
  core: Core;
  nowMs = 1_000;
  /** The socket that is being opened or open, if there is one. */
  socket: number | undefined;
  /** The token that the core waits for. */
  tokenRequest: number | undefined;
  readonly #options: DeviceOptions;
  #inputBytes = 0;

  constructor(options: DeviceOptions) {
    this.#options = options;
    this.table.apply({ kind: "identity", deviceId: "device", userId: 0n, storeId: "" });
    this.core = this.#createCore();
  }

  get at() {
    return { monotonicMs: this.nowMs, wallMs: 1_700_000_000_000 + this.nowMs };
  }

  get state() {
    return this.core.connection.state;
  }

  #createCore(): Core {
    const { random } = this.#options;
    return createCore({ restored: this.table.snapshot, random, platform: "test", clientVersion: "fuzz" });
  }

  step(event: CoreEvent): Step {
    const step = this.core.step(event, this.at);
    this.#perform(step);
    return step;
  }

  receive(socket: number, bytes: Uint8Array): Step {
    this.#inputBytes = bytes.length;
    const step = this.step({ kind: "socket-message", socket, bytes: new Uint8Array(bytes) });
    this.#inputBytes = 0;
    return step;
  }

  send(conversationId: bigint): void {
    const body = { case: "text" as const, value: { $typeName: "tidewire.v1.Text" as const, text } };
    const content = { $typeName: "tidewire.v1.Content" as const, body };
    const message = { target: { case: "conversationId" as const, value: conversationId }, content };
    this.#perform(this.core.send(message, this.at).step);
  }

  /** Lets time pass, and wakes the core as its shell would: not more often than once a millisecond. */
  advance(ms: number): void {
    const untilMs = this.nowMs + ms;
    const ticksMax = ticksPerSecondMax * (1 + ms / 1_000);
    for (let ticks = 0; ; ticks++) {
      const deadlineMs = this.core.deadlineMs() ?? Number.POSITIVE_INFINITY;
      must(!Number.isNaN(deadlineMs), "a deadline is a time");
      const wakesAtMs = Math.max(this.nowMs + 1, Math.ceil(deadlineMs));
      if (wakesAtMs > untilMs) break;
      must(ticks < ticksMax, "a client does not spin", () => `${ticks} ticks in ${this.nowMs - untilMs + ms} ms`);
      this.nowMs = wakesAtMs;
      this.step({ kind: "tick" });
    }
    this.nowMs = untilMs;
  }

  /** The process dies, and starts again on what it had stored. */
  restart(): void {
    this.socket = undefined;
    this.tokenRequest = undefined;
    this.core = this.#createCore();
    must(this.core.pending().length === this.table.snapshot.outbox.size, "an outbox survives");
  }

  #perform({ writes, actions }: Step): void {
    const asked = writes.length + actions.length;
    const max = 200 + this.#inputBytes + 4 * this.table.snapshot.outbox.size + 4 * this.table.snapshot.cursors.size;
    must(asked <= max, "a step is bounded", () => `${asked} writes and actions for ${this.#inputBytes} bytes`);
    const resets = new Set(actions.flatMap((action) => toReset(action)));
    for (const write of writes) this.#store(write, resets);
    for (const action of actions) this.#act(action);
  }

  /** Applies rising seqs without a hole, whatever the server says, unless a reset covers it. */
  #store(write: Write, resets: ReadonlySet<bigint>): void {
    const { table } = this;
    switch (write.kind) {
      case "outbox-put":
        checkOutboxFrame(write.frame, write.clientId);
        break;
      case "message": {
        const { conversationId, seq } = write.message;
        const last = this.#lastOf(conversationId);
        const isNext = seq === last + 1n || (seq > last && resets.has(conversationId));
        must(isNext, "messages are applied in order", () => `${seq} after ${last}`);
        this.#applied.set(conversationId, seq);
        break;
      }
      case "cursor": {
        const last = this.#lastOf(write.conversationId);
        must(write.seq >= last, "cursors do not fall", () => `${write.seq} after ${last}`);
        this.#applied.set(write.conversationId, write.seq);
        break;
      }
      case "forget-conversations":
        this.#applied.clear();
    }
    table.apply(write);
  }

  readonly #applied = new Map<bigint, bigint>();
  #lastOf(conversationId: bigint): bigint {
    return this.#applied.get(conversationId) ?? 0n;
  }

  #act(action: Action): void {
    switch (action.kind) {
      case "fetch-token":
        this.tokenRequest = action.request;
        return;
      case "connect":
        must(this.socket === undefined, "one socket at a time");
        this.socket = action.socket;
        return;
      case "disconnect":
        must(this.socket === action.socket, "only the open socket is closed");
        this.socket = undefined;
        return;
      case "transmit":
        must(this.socket === action.socket, "nothing is sent on a socket that is gone");
        return this.#hear(action.bytes);
      case "tell":
        this.#options.counts.add(`told ${action.event.kind}`);
    }
  }

  #hear(bytes: Uint8Array): void {
    must(bytes.length > 0, "what a client says is frames", () => "an empty message");
    for (const body of splitFrames(bytes, anySize)) {
      parseDeviceEvent(body, surroundings);
      const { frame } = decode(ClientFrameSchema, body);
      this.#options.hear(frame);
      this.#options.counts.add(`client said ${frame.case}`);
      const isEarly = this.state === "greeting" && frame.case !== "login";
      must(!isEarly, "before login_ok nothing is said but login", () => String(frame.case));
    }
  }
}

export type DeviceOptions = Readonly<{
  random: () => number;
  counts: Counts;
  /** Is told every frame that leaves. */
  hear(frame: ClientFrame["frame"]): void;
}>;

function toReset(action: Action): bigint[] {
  return action.kind === "tell" && action.event.kind === "reset" ? [action.event.conversationId] : [];
}

function checkOutboxFrame(frame: Uint8Array, clientId: bigint): void {
  const decoded = decodeClientFrame(frame);
  const isRight = decoded.case === "upMsg" && decoded.value.clientId === clientId;
  must(isRight, "the outbox holds up_msg frames under their numbers", () => `${decoded.case} under ${clientId}`);
}
