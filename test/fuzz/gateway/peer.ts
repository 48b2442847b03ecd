import { fromBinary } from "@bufbuild/protobuf";
import { BinaryReader } from "@bufbuild/protobuf/wire";
import type { Socket, SocketHandler } from "../../../gateway/server/server.js";
import { closeMeanings } from "../../../gen/ts/tidewire/v1/close-codes.js";
import { ErrorCode } from "../../../gen/ts/tidewire/v1/error_pb.js";
import { GoawayReason, NackReason, type ServerFrame, ServerFrameSchema } from "../../../gen/ts/tidewire/v1/frame_pb.js";
import { defaultLimits } from "../../../gen/ts/tidewire/v1/limits.js";
import type { Counts } from "../../sim/engine/counts.js";
import type { Findings } from "../engine/findings.js";
import type { Topics } from "./topics.js";

/** The state of a session as far as its peer can tell. */
export type SeenState = "greeting" | "opening" | "attaching" | "ready" | "draining" | "closed";

export type PeerOptions = Readonly<{ findings: Findings; counts: Counts; topics: Topics }>;

/**
 * The far end of a WebSocket: it reads everything that it is told with protobuf's own reader, and reports what no gateway may
 * do: send what is no frame, send after closing, close twice, or answer out of turn.
 */
export class Peer {
  state: SeenState = "greeting";
  /** What is read from it, frame by frame. */
  onFrame: (frame: ServerFrame["frame"]) => void = () => {};
  closeCode: number | undefined;
  /** Bytes that it was sent in answer to the input at hand, or published since. */
  answeredBytes = 0;
  readonly #options: PeerOptions;
  #handler: SocketHandler | undefined;
  #isClosing = false;

  constructor(options: PeerOptions) {
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.state !== "closed";
  }

  /** @param open The gateway's part in it. */
  connect(open: (socket: Socket) => SocketHandler): this {
    const { topics } = this.#options;
    this.#handler = open({
      remoteAddress: "10.0.0.1",
      send: (message) => this.#send(message),
      subscribe: (topic) => this.isOpen && topics.subscribe(topic, this),
      unsubscribe: (topic) => topics.unsubscribe(topic, this),
      close: (code, reason) => this.#close(code, reason),
    });
    return this;
  }

  #send(message: Uint8Array): void {
    if (!this.isOpen) return this.#report("nothing is sent to a closed socket");
    this.#read(message);
  }

  #close(code: number, reason: string): void {
    if (!this.isOpen) return this.#report("a socket is closed once");
    if (!(code in closeMeanings)) this.#report("a close code is one of the contract's", String(code));
    if (Buffer.byteLength(reason) > 123) this.#report("the reason of a close fits into its frame", reason);
    this.#options.counts.add(`closed ${code}`);
    this.closeCode = code;
    this.leave();
  }

  // What the network does.

  /** @returns false if the socket has been closed before. */
  message(bytes: Uint8Array, kind: "binary" | "text"): boolean {
    if (!this.isOpen) return false;
    const buffer = new Uint8Array(bytes);
    this.answeredBytes = 0;
    this.#handler?.message(buffer, kind);
    buffer.fill(0xff); // the socket library reuses it
    if (this.#isClosing && this.isOpen) this.#report("an error that closes is followed by the close");
    return true;
  }

  /** As `send`, for what is published to a topic that it listens to. */
  published(message: Uint8Array): void {
    if (this.isOpen) this.#read(message);
  }

  dropped(): void {
    if (this.isOpen) this.#handler?.dropped();
  }

  drained(): void {
    if (this.isOpen) this.#handler?.drained();
  }

  /** The connection is no more. */
  leave(): void {
    if (!this.isOpen) return;
    this.state = "closed";
    this.#options.topics.forget(this);
    this.#handler?.closed();
  }

  #report(rule: string, detail?: string): void {
    this.#options.findings.report(rule, detail);
  }

  #read(message: Uint8Array): void {
    this.answeredBytes += message.length;
    for (const frame of this.#decode(message)) {
      this.#judge(frame);
      this.onFrame(frame);
    }
  }

  #decode(message: Uint8Array): ServerFrame["frame"][] {
    const frames: ServerFrame["frame"][] = [];
    try {
      const reader = new BinaryReader(message);
      while (reader.pos < reader.len) frames.push(fromBinary(ServerFrameSchema, reader.bytes()).frame);
    } catch (error) {
      this.#report("what a gateway says is frames", `${Buffer.from(message).toString("hex").slice(0, 200)}: ${error}`);
    }
    if (frames.length === 0) this.#report("what a gateway says is frames", "an empty message");
    return frames;
  }

  #judge(frame: ServerFrame["frame"]): void {
    const { counts } = this.#options;
    if (this.#isClosing) this.#report("nothing follows an error that closes", String(frame.case));
    counts.add(`said ${frame.case}`);
    switch (frame.case) {
      case undefined:
        return this.#report("what a gateway says is frames", "a frame without a case");
      case "loginOk":
        if (this.state !== "attaching" && this.state !== "ready") this.#report("login_ok answers a login", this.state);
        this.state = "ready";
        return;
      case "error":
        return this.#judgeError(frame.value);
      case "goaway":
        if (frame.value.reason === GoawayReason.DRAINING) this.state = "draining";
        return;
      default:
        if (frame.case === "upAck") counts.add(`up_ack ${frame.value.outcome.case}`);
        if (frame.case === "upNack") counts.add(`up_nack ${NackReason[frame.value.reason]}`);
        if (this.state === "ready" || this.state === "draining") return;
        if (this.state === "attaching" && frame.case === "push") return; // its topics come before its login_ok
        this.#report("before login_ok nothing is said but errors", `${frame.case} while ${this.state}`);
    }
  }

  #judgeError({ code, advice, closing }: { code: ErrorCode; advice: string; closing: boolean }): void {
    this.#options.counts.add(`error ${ErrorCode[code]}`);
    if (!(code in ErrorCode) || code === ErrorCode.UNSPECIFIED) this.#report("an error has a known code", String(code));
    if (advice === "" || Buffer.byteLength(advice) > 200) this.#report("an error says in 200 bytes what to do", advice);
    this.#isClosing = closing;
  }
}

/** Bounds what one input may bring about at once: many small frames may each be answered. */
export const answerMaxBytes = 2 * defaultLimits.messageMaxBytes;
