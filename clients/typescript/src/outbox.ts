import { create, toBinary } from "@bufbuild/protobuf";
import { ContentSchema } from "../../../gen/ts/tidewire/v1/content_pb.js";
import { NackReason, type UpMsg, UpMsgSchema, type UpNack } from "../../../gen/ts/tidewire/v1/frame_pb.js";
import { defaultLimits } from "../../../gen/ts/tidewire/v1/limits.js";
import { decodeClientFrame, encodeFrame } from "./frames.js";
import type { ClientLimits } from "./limits.js";
import type { Write } from "./storage.js";

/** What login has settled about numbering. */
export type Opening = Readonly<{
  writes: readonly Write[];
  /** Entries that this server could never take, because their frame is larger than its limit. */
  oversized: readonly bigint[];
  moves: readonly Move[];
}>;

/** An entry that got another number. */
export type Move = Readonly<{ from: bigint; to: bigint }>;

/** What follows from an outcome for the entries that are left. */
export type Settlement = Readonly<{ writes: readonly Write[]; moves: readonly Move[] }>;

/**
 * Messages without an outcome, in the order of their client_ids, and which of them are under way.
 *
 * Going on after a login: entries up to the server's `last_client_id` are settled first, alone. Those that turn out to
 * be in conflict, and all later ones, then get new numbers from `last_client_id + 1` on, in their old order. That is safe
 * because the login has fenced whatever an older session had under way: no number above it can have been used.
 */
export interface Outbox {
  readonly size: number;
  entries(): Iterable<readonly [bigint, UpMsg]>;
  /** Takes a message in under the next number. The caller stores `writes` before it asks for `due`. */
  add(upMsg: Unnumbered): { clientId: bigint; writes: Write[] };
  /** How large such a message would be. */
  measure(upMsg: Unnumbered): { frameBytes: number; contentBytes: number };
  /** A login has succeeded: from now on entries may be sent. */
  open(lastClientId: bigint, limits: ClientLimits): Opening;
  /** The connection takes no more `up_msg`; nothing is under way. */
  shut(): void;
  /** The frames to send now: what the window has room for, or everything under way if its time is up. */
  due(nowMs: number): Uint8Array[];
  /** When `due` has to be asked again, on the clock of `nowMs`. */
  deadlineMs(): number | undefined;
  get(clientId: bigint): UpMsg | undefined;
  /** An outcome is known, from an `up_ack` or an own push. `undefined` if it had been known before. */
  settle(clientId: bigint, by: "ack" | "push", nowMs: number): Settlement | undefined;
  /**
   * True if the gateway waits, in silence, for a number whose outcome a push has told this device and nobody the
   * gateway (it gave a batch up that was stored all the same). A new login mends it.
   */
  readonly isStuck: boolean;
  /** An `up_msg` was not taken. */
  refuse(nack: UpNack, nowMs: number): Refusal;
}

const retransmitFirstMs = 1_000;
const retransmitCeilingMs = 30_000;

/** `lost`: server and device disagree about numbers in a way that only a new login can mend. */
export type Refusal = ({ kind: "kept" } & Settlement) | { kind: "lost" };

/** What an `up_msg` says, whatever its number. */
export type Unnumbered = Pick<UpMsg, "target" | "content">;

type Line =
  | { state: "shut" }
  /** Only entries up to `through` are sent. */
  | { state: "settling"; through: bigint; conflicting: Set<bigint> }
  | { state: "flowing" };

export function createOutbox(restored: Restored, random: () => number): Outbox {
  return new DeviceOutbox(restored, random);
}

type Restored = { nextClientId: bigint; outbox: ReadonlyMap<bigint, Uint8Array> };

class DeviceOutbox implements Outbox {
  #frames: Map<bigint, Uint8Array>;
  #next: bigint;
  #limits: ClientLimits = defaultLimits;
  #line: Line = { state: "shut" };
  /** Entries up to this number are under way. */
  #sentThrough = 0n;
  /** The highest number that was ever sent on this connection. */
  #sentMost = 0n;
  #pausedUntilMs: number | undefined;
  #retransmitAtMs: number | undefined;
  #retransmissions = 0;
  /**
   * What the gateway said last that it waits for, and what had been sent by then. It waits no more once it answers that
   * number or a higher one, or stores one that was not sent before. A push of another tells nothing: it may be of a
   * batch that the gateway had given up.
   */
  #waited: { for: bigint; sentMost: bigint } | undefined;
  #isStuck = false;
  /** The hole reported last: reported again without progress in between, it waits for the timer. */
  #lastHole = 0n;
  readonly #random: () => number;

  constructor(restored: Restored, random: () => number) {
    this.#frames = new Map(restored.outbox);
    this.#next = restored.nextClientId;
    this.#random = random;
  }

  get size(): number {
    return this.#frames.size;
  }

  get isStuck(): boolean {
    return this.#isStuck;
  }

  *entries(): Iterable<readonly [bigint, UpMsg]> {
    for (const [clientId, frame] of this.#frames) yield [clientId, upMsgOf(frame)] as const;
  }

  get(clientId: bigint): UpMsg | undefined {
    const frame = this.#frames.get(clientId);
    return frame === undefined ? undefined : upMsgOf(frame);
  }

  measure(upMsg: Unnumbered): { frameBytes: number; contentBytes: number } {
    const contentBytes = upMsg.content === undefined ? 0 : toBinary(ContentSchema, upMsg.content).length;
    return { frameBytes: encodeUpMsg(upMsg, this.#next).length, contentBytes };
  }

  add(upMsg: Unnumbered): { clientId: bigint; writes: Write[] } {
    const clientId = this.#next;
    const frame = encodeUpMsg(upMsg, clientId);
    this.#next += 1n;
    this.#frames.set(clientId, frame);
    const writes: Write[] = [
      { kind: "outbox-put", clientId, frame },
      { kind: "next-client-id", clientId: this.#next },
    ];
    return { clientId, writes };
  }

  open(lastClientId: bigint, limits: ClientLimits): Opening {
    this.#limits = limits;
    this.#sentThrough = 0n;
    const oversized = [...this.#frames].filter(([, frame]) => frame.length > limits.frameMaxBytes).map(([id]) => id);
    for (const clientId of oversized) this.#frames.delete(clientId);
    const dropped = oversized.map((clientId): Write => ({ kind: "outbox-remove", clientId }));
    this.#line = { state: "settling", through: lastClientId, conflicting: new Set() };
    const { writes, moves } = this.#advanceLine();
    return { writes: [...dropped, ...writes], oversized, moves };
  }

  shut(): void {
    this.#line = { state: "shut" };
    this.#pausedUntilMs = undefined;
    this.#retransmitAtMs = undefined;
    this.#retransmissions = 0;
    this.#lastHole = 0n;
    this.#waited = undefined;
    this.#sentMost = 0n;
    this.#isStuck = false;
  }

  due(nowMs: number): Uint8Array[] {
    if (this.#line.state === "shut") return [];
    if (this.#pausedUntilMs !== undefined && nowMs < this.#pausedUntilMs) return [];
    this.#pausedUntilMs = undefined;
    if (this.#retransmitAtMs !== undefined && nowMs >= this.#retransmitAtMs) {
      this.#isStuck = this.#waited !== undefined && !this.#frames.has(this.#waited.for);
      this.#sentThrough = 0n;
      this.#retransmissions += 1;
      this.#retransmitAtMs = undefined;
    }
    const frames = this.#pump();
    if (this.#retransmitAtMs === undefined && this.#anyUnderWay()) this.#armRetransmission(nowMs);
    return frames;
  }

  deadlineMs(): number | undefined {
    if (this.#line.state === "shut" || this.#frames.size === 0) return undefined;
    return this.#pausedUntilMs ?? this.#retransmitAtMs;
  }

  settle(clientId: bigint, by: "ack" | "push", nowMs: number): Settlement | undefined {
    if (!this.#frames.delete(clientId)) return undefined;
    const freeFrom = by === "ack" ? this.#waited?.for : (this.#waited?.sentMost ?? 0n) + 1n;
    if (freeFrom !== undefined && clientId >= freeFrom) this.#waited = undefined;
    this.#lastHole = 0n;
    this.#beginPatience(nowMs);
    const { writes, moves } = this.#advanceLine();
    return { writes: [{ kind: "outbox-remove", clientId }, ...writes], moves };
  }

  refuse(nack: UpNack, nowMs: number): Refusal {
    if (this.#line.state === "shut") return kept;
    if (nack.reason === NackReason.CONFLICT) return this.#onConflict(nack.expected, nowMs);
    this.#waited = { for: nack.expected, sentMost: this.#sentMost };
    if (nack.reason === NackReason.HOLE) return this.#onHole(nack.expected);
    // Too fast, too busy, or a reason of a later version: all of them pass.
    this.#rewindTo(nack.expected);
    this.#pausedUntilMs = nowMs + this.#jittered(nack.retryAfterMs || retransmitFirstMs);
    this.#retransmitAtMs = undefined;
    return kept;
  }

  #onConflict(clientId: bigint, nowMs: number): Refusal {
    if (!this.#frames.has(clientId)) return kept;
    if (this.#line.state !== "settling" || clientId > this.#line.through) return { kind: "lost" };
    this.#line.conflicting.add(clientId);
    this.#beginPatience(nowMs);
    return { kind: "kept", ...this.#advanceLine() };
  }

  #onHole(expected: bigint): Refusal {
    // A push may have settled what the gateway has not heard of: it will wait for that number in silence.
    if (!this.#frames.has(expected) && expected !== this.#next) return { kind: "lost" };
    if (expected !== this.#lastHole) this.#rewindTo(expected);
    this.#lastHole = expected;
    return kept;
  }

  #rewindTo(clientId: bigint): void {
    if (clientId <= this.#sentThrough) this.#sentThrough = clientId - 1n;
  }

  #jittered(delayMs: number): number {
    return delayMs * (1 + this.#random() / 4);
  }

  /** The server answers: what is still under way gets the shortest time again. */
  #beginPatience(nowMs: number): void {
    this.#retransmissions = 0;
    this.#retransmitAtMs = undefined;
    if (this.#anyUnderWay()) this.#armRetransmission(nowMs);
  }

  #armRetransmission(nowMs: number): void {
    const delayMs = Math.min(retransmitCeilingMs, retransmitFirstMs * 2 ** this.#retransmissions);
    this.#retransmitAtMs = nowMs + this.#jittered(delayMs);
  }

  #isConflicting(clientId: bigint): boolean {
    return this.#line.state === "settling" && this.#line.conflicting.has(clientId);
  }

  #anyUnderWay(): boolean {
    for (const clientId of this.#frames.keys()) {
      if (clientId > this.#sentThrough) return false;
      if (!this.#isConflicting(clientId)) return true;
    }
    return false;
  }

  /** Fills the window with what has not been sent since the last rewind. */
  #pump(): Uint8Array[] {
    const pumped: Uint8Array[] = [];
    let count = 0;
    let bytes = 0;
    for (const [clientId, frame] of this.#frames) {
      if (this.#line.state === "settling" && clientId > this.#line.through) break;
      if (this.#isConflicting(clientId)) continue;
      const { inFlightMax, inFlightMaxBytes } = this.#limits;
      if (count >= inFlightMax || (count > 0 && bytes + frame.length > inFlightMaxBytes)) break;
      count += 1;
      bytes += frame.length;
      if (clientId <= this.#sentThrough) continue;
      pumped.push(frame);
      this.#sentThrough = clientId;
      if (clientId > this.#sentMost) this.#sentMost = clientId;
    }
    return pumped;
  }

  /** Ends the settling as soon as nothing up to `through` waits for its outcome. */
  #advanceLine(): Settlement {
    if (this.#line.state !== "settling") return nothingMoved;
    const { through } = this.#line;
    for (const clientId of this.#frames.keys()) {
      if (clientId > through) break;
      if (!this.#isConflicting(clientId)) return nothingMoved;
    }
    this.#line = { state: "flowing" };
    this.#sentThrough = through;
    return this.#renumber(through + 1n);
  }

  #renumber(from: bigint): Settlement {
    const moves: Move[] = [];
    const puts: Write[] = [];
    const renumbered = new Map<bigint, Uint8Array>();
    let to = from;
    for (const [clientId, old] of this.#frames) {
      const frame = clientId === to ? old : encodeUpMsg(upMsgOf(old), to);
      if (clientId !== to) moves.push({ from: clientId, to });
      if (clientId !== to) puts.push({ kind: "outbox-put", clientId: to, frame });
      renumbered.set(to, frame);
      to += 1n;
    }
    // All removals come before all additions: the old and the new numbers may overlap.
    const writes: Write[] = moves.map((move) => ({ kind: "outbox-remove", clientId: move.from }));
    writes.push(...puts);
    if (this.#next !== to) writes.push({ kind: "next-client-id", clientId: to });
    this.#frames = renumbered;
    this.#next = to;
    return { writes, moves };
  }
}

const nothingMoved: Settlement = { writes: [], moves: [] };
const kept: Refusal = { kind: "kept", ...nothingMoved };

function encodeUpMsg(upMsg: Unnumbered, clientId: bigint): Uint8Array {
  const { target, content } = upMsg;
  return encodeFrame({ case: "upMsg", value: create(UpMsgSchema, { clientId, target, ...(content && { content }) }) });
}

function upMsgOf(frame: Uint8Array): UpMsg {
  const decoded = decodeClientFrame(frame);
  if (decoded.case !== "upMsg") throw new Error("the outbox holds a frame that is no up_msg");
  return decoded.value;
}
