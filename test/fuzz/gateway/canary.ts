import { ErrorCode } from "../../../gen/ts/tidewire/v1/error_pb.js";
import type { ServerFrame } from "../../../gen/ts/tidewire/v1/frame_pb.js";
import { encodeFrames } from "../../support/connection-world.js";
import type { Findings } from "../engine/findings.js";
import { must } from "../engine/violation.js";
import type { Peer } from "./peer.js";
import { canary as who } from "./services.js";

/** Batches before its own may be late and fail, twice in a row each. */
const patienceMs = 10_000;
const stepMs = 50;
/** Time hardly passes here: it may well ask too often. */
const fairErrors = new Set([ErrorCode.UNSPECIFIED, ErrorCode.RATE_LIMITED]);

export type Surroundings = Readonly<{
  deliver(peer: Peer, bytes: Uint8Array, kind: "binary"): void;
  /** Lets so much time pass. */
  settle(ms: number): void;
  findings: Findings;
}>;

/**
 * An honest device on the same gateway: whatever others send, its connection stays, its heartbeats are answered at once, and its
 * messages are stored.
 */
export class Canary {
  readonly peer: Peer;
  readonly #surroundings: Surroundings;
  /** What it was pushed and has not acknowledged. */
  readonly #held = new Map<bigint, bigint>();
  #sent = 0n;
  #settled = 0n;
  #answeredBeats = 0;
  #asked = 0n;
  #answered = 0n;
  #retryAfterMs: number | undefined;

  constructor(peer: Peer, surroundings: Surroundings) {
    this.peer = peer;
    this.#surroundings = surroundings;
    peer.onFrame = (frame) => this.#hear(frame);
  }

  login(): void {
    this.#say({ case: "login", value: { token: who.token, deviceId: who.deviceId } });
    this.#surroundings.settle(0);
    must(this.peer.state === "ready", "an honest login is answered", () => this.peer.state);
  }

  /** Says what it holds, as long as anybody listens. */
  acknowledge(): void {
    if (this.#held.size === 0 || !this.peer.isOpen) return;
    const cursors = [...this.#held].map(([conversationId, seq]) => ({ conversationId, seq }));
    this.#held.clear();
    this.#say({ case: "ack", value: { cursors } });
  }

  beat(): void {
    const before = this.#answeredBeats;
    this.#say({ case: "heartbeat", value: { clientTimeMs: 1n } });
    must(this.#answeredBeats === before + 1, "an honest heartbeat is answered at once", () => this.#where());
  }

  /** Has a heartbeat, a question and a message answered. */
  prove(): void {
    this.beat();
    this.#ask();
    this.#sent += 1n;
    this.#send();
    for (let waitedMs = 0; this.#settled < this.#sent; waitedMs += stepMs) {
      must(this.peer.isOpen, "an honest connection stays open", () => this.#where());
      must(waitedMs < patienceMs, "an honest message is acknowledged in time", () => this.#where());
      this.#surroundings.settle(stepMs);
      if (this.#retryAfterMs !== undefined) this.#sendAgain(this.#retryAfterMs);
    }
  }

  /** Its pages are awaited with the next message's outcome. */
  #ask(): void {
    const last = this.#asked;
    must(this.#answered === last, "an honest question is answered", () => `${this.#answered} of ${last}`);
    this.#asked += 1n;
    this.#say({ case: "sync", value: { requestId: this.#asked, conversationId: 1n } });
  }

  #sendAgain(afterMs: number): void {
    this.#retryAfterMs = undefined;
    this.#surroundings.settle(afterMs);
    this.#send();
  }

  #send(): void {
    const content = { body: { case: "text" as const, value: { text: "still here" } } };
    const target = { case: "conversationId" as const, value: 1n };
    this.#say({ case: "upMsg", value: { clientId: this.#sent, target, content } });
  }

  #say(...frames: Parameters<typeof encodeFrames>): void {
    this.#surroundings.deliver(this.peer, encodeFrames(...frames), "binary");
  }

  #hear(frame: ServerFrame["frame"]): void {
    switch (frame.case) {
      case "heartbeatOk":
        this.#answeredBeats++;
        return;
      case "upAck":
        if (frame.value.outcome.case !== "stored") this.#surroundings.findings.report("an honest message is stored");
        this.#settled = frame.value.clientId;
        return;
      case "syncPage":
        this.#answered = frame.value.requestId;
        if (!fairErrors.has(frame.value.error))
          this.#surroundings.findings.report("an honest question is not refused", ErrorCode[frame.value.error]);
        return;
      case "upNack":
        this.#retryAfterMs = frame.value.retryAfterMs;
        return;
      case "push":
        return this.#hold(frame.value.message?.conversationId ?? 0n, frame.value.message?.seq ?? 0n);
    }
  }

  #hold(conversationId: bigint, seq: bigint): void {
    if (seq > (this.#held.get(conversationId) ?? 0n)) this.#held.set(conversationId, seq);
  }

  #where(): string {
    return `${this.peer.state}, close code ${this.peer.closeCode}, message ${this.#settled} of ${this.#sent}`;
  }
}
