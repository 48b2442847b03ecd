import { create } from "@bufbuild/protobuf";
import type { Message } from "../../../gen/ts/tidewire/v1/content_pb.js";
import { dispatchServerFrame, type ServerFrameHandlers } from "../../../gen/ts/tidewire/v1/dispatch.js";
import { CloseCode, ErrorCode } from "../../../gen/ts/tidewire/v1/error_pb.js";
import {
  type ClientFrame,
  type Error as ErrorFrame,
  type HeadsPage,
  type LoginOk,
  type ServerFrame,
  StoredSchema,
  type SyncPage,
  type UpAck,
  type UpNack,
} from "../../../gen/ts/tidewire/v1/frame_pb.js";
import type { Acks } from "./acks.js";
import type { CatchUp } from "./catch-up.js";
import type { Connection, ConnectionEffect, Instant } from "./connection.js";
import { sameContent } from "./content.js";
import { type Conversations, toConversation } from "./conversations.js";
import type { ClientEvent } from "./events.js";
import type { Inbox } from "./inbox.js";
import { type ClientLimits, toClientLimits } from "./limits.js";
import type { Outbox, Settlement } from "./outbox.js";
import type { Write } from "./storage.js";

/** The parts of a device, and what it has learned from `login_ok` and from heads pages. */
export type Parts = {
  identity: { readonly deviceId: string; userId: bigint; storeId: string; device: number };
  limits: ClientLimits;
  ackDelayMs: number;
  watermark: bigint;
  readonly outbox: Outbox;
  readonly inbox: Inbox;
  readonly conversations: Conversations;
  readonly acks: Acks;
  readonly catchUp: CatchUp;
  readonly connection: Connection;
};

/** What a frame leads to. `writes` come before everything else. */
export type Consequences = {
  writes: Write[];
  replies: ClientFrame["frame"][];
  effects: ConnectionEffect[];
  events: ClientEvent[];
};

/** Takes in what the server says, and spreads it over the parts. */
export interface Reception {
  handle(frame: ServerFrame, at: Instant): Consequences;
  /** Ends a step: what many frames may have changed is written and told once. */
  settle(at: Instant): Pick<Consequences, "writes" | "events">;
}

/** Why a connection is given up whose gateway waits for another number than this device can give. */
export const numbersDiffer = {
  code: 0,
  advice: "Server and device disagree about message numbers; a new login settles it.",
};

/** No device sends so many. Beyond, its numbers would soon not fit into 64 bits. */
const lastClientIdMax = 2n ** 63n;
/** What `Login.store_id` may have: a longer one could not be told at the next login. */
const storeIdMaxBytes = 64;
const absurdLogin = { code: CloseCode.PROTOCOL_ERROR, advice: "The server answers the login with what cannot be." };

/** What counts before the login is answered. Pushes do not: it is not known yet of which store they are. */
const beforeLogin = new Set<ServerFrame["frame"]["case"]>(["loginOk", "goaway", "error"]);

/** What may be gone when a page is asked for again. */
const passing = new Set([ErrorCode.UNAVAILABLE, ErrorCode.BUSY, ErrorCode.RATE_LIMITED, ErrorCode.INTERNAL]);

export function createReception(parts: Parts): Reception {
  return new DeviceReception(parts);
}

class DeviceReception implements Reception {
  readonly #parts: Parts;
  /** Conversations whose cursor or head has moved since the last `settle`. */
  readonly #moved = new Set<bigint>();
  readonly #headsToWrite = new Map<bigint, Write>();
  readonly #handlers: ServerFrameHandlers<void>;
  #out: Consequences = nothing();
  #at: Instant = { monotonicMs: 0, wallMs: 0 };

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#handlers = {
      loginOk: (frame) => this.#loginOk(frame),
      heartbeatOk() {},
      upAck: (frame) => this.#upAck(frame),
      upNack: (frame) => this.#upNack(frame),
      push: (frame) => this.#push(frame.message),
      syncPage: (frame) => this.#syncPage(frame),
      headsPage: (frame) => this.#headsPage(frame),
      signal: (signal) => void this.#out.events.push({ kind: "signal", signal }),
      goaway: (goaway) => void this.#out.effects.push(...parts.connection.goaway(goaway, this.#at)),
      error: (error) => this.#error(error),
      unknown() {}, // A frame of a later version: nothing that this one needs.
    };
  }

  handle(frame: ServerFrame, at: Instant): Consequences {
    this.#out = nothing();
    this.#at = at;
    const { connection } = this.#parts;
    if (connection.isOpen(connection.socket) || beforeLogin.has(frame.frame.case)) {
      dispatchServerFrame(frame, this.#handlers);
    }
    return this.#out;
  }

  settle(at: Instant): Pick<Consequences, "writes" | "events"> {
    this.#out = nothing();
    this.#at = at;
    const { inbox, catchUp } = this.#parts;
    for (const conversationId of inbox.overdue(at.monotonicMs)) {
      catchUp.want(conversationId, this.#recency(conversationId));
    }
    this.#tellConversations();
    return this.#out;
  }

  #error(error: ErrorFrame): void {
    this.#parts.connection.error(error);
    this.#out.events.push({ kind: "error", code: error.code, advice: error.advice });
  }

  #noteHead(writes: readonly Write[]): void {
    for (const write of writes) {
      if (write.kind !== "head") this.#out.writes.push(write);
      else {
        this.#headsToWrite.set(write.head.conversationId, write);
        this.#moved.add(write.head.conversationId);
      }
    }
  }

  #recency(conversationId: bigint): bigint {
    return this.#parts.conversations.get(conversationId)?.preview?.messageId ?? 0n;
  }

  #noteSettlement({ writes, moves }: Settlement): void {
    this.#out.writes.push(...writes);
    if (moves.length > 0) this.#out.events.push({ kind: "renumbered", moves });
  }

  /** Settles the outbox by an own message, wherever it came from. Another content under its number is not ours. */
  #settleOwn(message: Message): void {
    const { identity, outbox } = this.#parts;
    const { senderId, senderDevice, clientId } = message;
    if (senderId !== identity.userId || senderDevice !== identity.device || clientId === 0n) return;
    const entry = outbox.get(clientId);
    if (entry === undefined || !sameContent(entry.content, message.content)) return;
    const settlement = outbox.settle(clientId, "push", this.#at.monotonicMs);
    if (settlement === undefined) return;
    const { conversationId, seq, messageId, sentAtMs } = message;
    const stored = create(StoredSchema, { conversationId, seq, messageId, sentAtMs });
    this.#out.events.push({ kind: "stored", clientId, stored });
    this.#noteSettlement(settlement);
  }

  #apply(messages: readonly Message[]): void {
    const { identity, conversations, acks } = this.#parts;
    for (const message of messages) {
      const { conversationId, seq } = message;
      this.#out.writes.push({ kind: "message", message });
      this.#out.events.push({ kind: "message", message });
      this.#noteHead(conversations.advance(message, identity.userId));
      acks.note(conversationId, seq, this.#at.monotonicMs);
      this.#moved.add(conversationId);
    }
  }

  #push(message: Message | undefined): void {
    const { inbox, conversations, acks, catchUp } = this.#parts;
    if (message === undefined) return;
    this.#settleOwn(message);
    const { conversationId } = message;
    if (conversations.get(conversationId) === undefined) catchUp.wantHeads();
    const receipt = inbox.receive(message, this.#at.monotonicMs);
    if (receipt.kind === "applied") return this.#apply(receipt.messages);
    if (receipt.kind === "unknown") return catchUp.want(conversationId, message.messageId);
    if (receipt.kind === "duplicate") acks.note(conversationId, inbox.cursor(conversationId), this.#at.monotonicMs);
  }

  #reset(page: SyncPage): void {
    const floorSeq = page.reset?.floorSeq ?? 0n;
    const drained = this.#parts.inbox.reset(page.conversationId, floorSeq);
    if (drained === undefined) return;
    this.#moved.add(page.conversationId);
    this.#out.events.push({ kind: "reset", conversationId: page.conversationId, floorSeq });
    this.#apply(drained);
  }

  #applyPage(page: SyncPage): void {
    for (const message of page.messages) {
      if (message.conversationId !== page.conversationId) return;
      this.#settleOwn(message);
      const receipt = this.#parts.inbox.receive(message, this.#at.monotonicMs);
      if (receipt.kind === "applied") this.#apply(receipt.messages);
    }
  }

  #syncPage(page: SyncPage): void {
    const { inbox, catchUp } = this.#parts;
    if (!catchUp.syncAnswered(page.requestId)) return;
    const { conversationId } = page;
    if (page.error !== ErrorCode.UNSPECIFIED) return this.#syncFailed(page);
    const before = inbox.cursor(conversationId);
    if (page.reset !== undefined) this.#reset(page);
    else this.#applyPage(page);
    const cursor = inbox.cursor(conversationId);
    const headSeq = page.reset?.headSeq ?? page.headSeq;
    const isBehind = page.hasMore || cursor < headSeq || inbox.hasHole(conversationId);
    if (!isBehind) return catchUp.unwant(conversationId);
    if (cursor > before) return catchUp.want(conversationId, this.#recency(conversationId));
    this.#askAgainLater(conversationId);
  }

  #syncFailed(page: SyncPage): void {
    if (passing.has(page.error)) return this.#askAgainLater(page.conversationId);
    this.#parts.catchUp.unwant(page.conversationId);
  }

  /** What brings no progress goes last, so that it holds nothing else up. */
  #askAgainLater(conversationId: bigint): void {
    const { catchUp } = this.#parts;
    catchUp.want(conversationId, 0n);
    catchUp.pauseSync(this.#at.monotonicMs);
  }

  #headsPage(page: HeadsPage): void {
    const { conversations, catchUp, connection } = this.#parts;
    const isAnswer = catchUp.headsAnswered(page.requestId);
    if (page.error !== ErrorCode.UNSPECIFIED) {
      if (!isAnswer) return;
      catchUp.wantHeads();
      return catchUp.pauseHeads(this.#at.monotonicMs);
    }
    connection.proven();
    const isProgress = page.watermark > this.#parts.watermark;
    for (const head of page.heads) this.#noteHead(conversations.merge(head));
    for (const head of page.heads) this.#wantIfBehind(head.conversationId, head.headSeq);
    if (isProgress) {
      this.#parts.watermark = page.watermark;
      this.#out.writes.push({ kind: "watermark", watermark: page.watermark });
    }
    if (!isAnswer || !page.hasMore) return;
    catchUp.wantHeads();
    if (!isProgress) catchUp.pauseHeads(this.#at.monotonicMs);
  }

  #wantIfBehind(conversationId: bigint, headSeq: bigint): void {
    const { inbox, catchUp } = this.#parts;
    if (headSeq > inbox.cursor(conversationId)) catchUp.want(conversationId, this.#recency(conversationId));
  }

  #startOver(): void {
    const { inbox, conversations, catchUp } = this.#parts;
    inbox.clear();
    conversations.clear();
    catchUp.clear();
    this.#parts.watermark = 0n;
    this.#moved.clear();
    this.#headsToWrite.clear();
    this.#out.writes.push({ kind: "forget-conversations" });
    this.#out.events.push({ kind: "started-over" });
  }

  #identify(loginOk: LoginOk): void {
    const { identity } = this.#parts;
    const { userId, storeId } = loginOk;
    identity.device = loginOk.device;
    if (identity.userId === userId && identity.storeId === storeId) return;
    if (identity.storeId !== "" && identity.storeId !== storeId) this.#startOver();
    identity.userId = userId;
    identity.storeId = storeId;
    this.#out.writes.push({ kind: "identity", deviceId: identity.deviceId, userId, storeId });
  }

  #resume(loginOk: LoginOk): void {
    const { outbox, inbox, conversations, acks, catchUp } = this.#parts;
    const opening = outbox.open(loginOk.lastClientId, this.#parts.limits);
    this.#noteSettlement(opening);
    for (const clientId of opening.oversized) {
      this.#out.events.unshift({ kind: "refused", clientId, code: ErrorCode.CONTENT_TOO_LARGE });
    }
    acks.clear();
    catchUp.open(this.#parts.limits.syncRatePerSecond);
    for (const { conversationId, headSeq } of conversations.heads()) this.#wantIfBehind(conversationId, headSeq);
    for (const conversationId of inbox.withHoles()) catchUp.want(conversationId, this.#recency(conversationId));
    this.#out.replies.push(...conversations.unconfirmedMarks());
  }

  #loginOk(loginOk: LoginOk): void {
    const { identity, connection } = this.#parts;
    if (identity.userId !== 0n && identity.userId !== loginOk.userId) {
      const advice = "This storage belongs to another user. Use a storage of its own for each user.";
      this.#out.effects.push(...connection.stop({ code: CloseCode.LOGIN_MISMATCH, advice }));
      return;
    }
    if (isAbsurd(loginOk)) {
      this.#out.effects.push(...connection.abandon(absurdLogin, this.#at));
      return;
    }
    const isFirst = connection.current.state === "greeting";
    this.#out.effects.push(...connection.loginOk(loginOk, this.#at));
    if (!isFirst) return;
    this.#parts.limits = toClientLimits(loginOk.limits);
    this.#parts.ackDelayMs = loginOk.ackDelayMs || this.#parts.ackDelayMs;
    this.#identify(loginOk);
    this.#resume(loginOk);
  }

  #upAck(upAck: UpAck): void {
    const { clientId, outcome } = upAck;
    if (outcome.case === undefined) return;
    const settlement = this.#parts.outbox.settle(clientId, "ack", this.#at.monotonicMs);
    if (settlement === undefined) return;
    if (outcome.case === "stored") this.#out.events.push({ kind: "stored", clientId, stored: outcome.value });
    else this.#out.events.push({ kind: "refused", clientId, code: outcome.value });
    this.#noteSettlement(settlement);
  }

  #upNack(upNack: UpNack): void {
    const { outbox, connection } = this.#parts;
    const outcome = outbox.refuse(upNack, this.#at.monotonicMs);
    if (outcome.kind === "kept") return this.#noteSettlement(outcome);
    this.#out.effects.push(...connection.abandon(numbersDiffer, this.#at));
  }

  #tellConversations(): void {
    const { inbox, conversations } = this.#parts;
    for (const conversationId of this.#moved) {
      const headWrite = this.#headsToWrite.get(conversationId);
      if (headWrite !== undefined) this.#out.writes.push(headWrite);
      const cursor = inbox.cursor(conversationId);
      if (cursor > 0n) this.#out.writes.push({ kind: "cursor", conversationId, seq: cursor });
      const head = conversations.get(conversationId);
      if (head !== undefined) this.#out.events.push({ kind: "conversation", conversation: toConversation(head) });
    }
    this.#moved.clear();
    this.#headsToWrite.clear();
  }
}

function isAbsurd({ lastClientId, storeId }: LoginOk): boolean {
  return lastClientId > lastClientIdMax || new TextEncoder().encode(storeId).length > storeIdMaxBytes;
}

function nothing(): Consequences {
  return { writes: [], replies: [], effects: [], events: [] };
}
