import { create } from "@bufbuild/protobuf";
import { decodeServerFrames, encodeFrame } from "../../../clients/typescript/src/frames.js";
import { ContentSchema } from "../../../gen/ts/tidewire/v1/content_pb.js";
import {
  AckSchema,
  HeadsSchema,
  HeartbeatSchema,
  LoginSchema,
  LogoutSchema,
  type ServerFrame,
  SyncSchema,
  UpMsgSchema,
} from "../../../gen/ts/tidewire/v1/frame_pb.js";
import { systemClock } from "../../../runtime/clock.js";
import type { Weighted } from "../figures/statistics.js";
import { createGreeting, createHeartbeats, type Heartbeats } from "./answers.js";
import { createDelayedAck, type DelayedAck } from "./delayed-ack.js";
import type { Arrival } from "./inbox.js";
import { type LeanSocket, openLeanSocket, toClientMessage, toCloseMessage } from "./lean-socket.js";
import { findPushes } from "./pushes.js";
import type { Sent } from "./workload.js";

/** One online member of the group: a device that sends, receives, acknowledges, and is heard of at the intervals it is told. */
export interface Member extends Disposable {
  /** Its device's number. */
  readonly device: number;
  readonly acks: Pick<DelayedAck, "hold" | "release" | "isPending" | "sent">;
  /** Forgets what it was told so far, and encodes what `send` will send, if anything. */
  prepare(sent: Sent | undefined): void;
  /** Sends what has been prepared. */
  send(): void;
  /** Sends these in one WebSocket message, and forgets nothing. */
  say(messages: readonly Sent[]): void;
  /**
   * Resolves when the server has answered a heartbeat that leaves now.
   * @throws Error if the connection is lost first.
   */
  heartbeat(): Promise<void>;
  /** Asks which conversations there are, as a device does when it has logged in. */
  askHeads(): void;
  /** Asks for what comes after a seq of its conversation. */
  askPage(afterSeq: bigint): void;
  /** Says that it has its conversation up to a seq. Pushes are acknowledged without this. */
  acknowledge(seq: bigint): void;
  /** Takes its leave: ends the session, or only the connection. The server closes, which `lost` reports. */
  leave(how: "logout" | "close"): void;
  /** When pushes arrived since `prepare`, and how many at a time. */
  deliveries(): Weighted[];
  /** What it was told since `prepare`, decoded, with the time of arrival. */
  frames(): TimedFrame[];
  /** As `frames`, and forgets them. */
  takeFrames(): TimedFrame[];
  /** The WebSocket messages since `prepare` that hold pushes and nothing else. Copies. */
  pushMessages(): Uint8Array[];
}

export type TimedFrame = Readonly<{ frame: ServerFrame; atMs: number }>;

export type MemberOptions = Readonly<{
  port: number;
  token: string;
  deviceId: string;
  conversationId: bigint;
  /** What to expect in a round, in bytes. */
  inboxBytes: number;
  /** So many pushes have just arrived, the last of which is `lastPush`, an encoded ServerFrame. */
  delivered(pushes: number, lastPush: Uint8Array): void;
  /** A WebSocket message that holds something else has just arrived. A view. */
  told?(message: Uint8Array, atMs: number): void;
  lost(reason: string): void;
}>;

const host = "127.0.0.1";

/**
 * Two seconds after a device has its heads the server looks for what it may have missed while it logged in. So much later that is
 * over.
 */
export const secondLookMs = 3_000;

/**
 * Connects and logs in.
 * @throws Error with the server's reason if it does not let the member in.
 */
export async function openMember(options: MemberOptions): Promise<Member> {
  const greeting = createGreeting();
  const heartbeats = createHeartbeats();
  let acks: DelayedAck | undefined;

  function received(messages: readonly Arrival[]) {
    if (!acks) return greeting.read(messages.flatMap((message) => decodeServerFrames(socket.inbox.payloadOf(message))));
    let count = 0;
    let newest: Uint8Array | undefined;
    for (const message of messages) {
      const payload = socket.inbox.payloadOf(message);
      const { pushes, others, lastPush } = findPushes(payload);
      if (others > 0) heartbeats.read(payload);
      if (others > 0) options.told?.(payload, message.atMs);
      count += pushes;
      newest = lastPush ?? newest;
    }
    if (!newest) return;
    acks.note(count, newest);
    options.delivered(count, newest);
  }

  function lost(reason: string) {
    greeting.fail(reason);
    heartbeats.fail(reason);
    options.lost(reason);
  }

  const { port, inboxBytes, conversationId } = options;
  const socket = await openLeanSocket({
    host,
    port,
    path: "/ws",
    subprotocol: "tidewire.v1",
    inboxBytes,
    received,
    lost,
  });
  socket.write(toClientMessage(encodeFrame({ case: "login", value: loginOf(options) })));
  const { device, ackDelayMs, heartbeatIntervalMs } = await greeting.done;
  acks = createDelayedAck({
    clock: systemClock,
    random: Math.random,
    delayMs: ackDelayMs,
    send: (seq) => socket.write(toClientMessage(encodeFrame(toAck(conversationId, seq)))),
  });
  return createMember(socket, { device, conversationId, acks, heartbeats, heartbeatIntervalMs });
}

type Parts = Readonly<{
  device: number;
  conversationId: bigint;
  acks: DelayedAck;
  heartbeats: Heartbeats;
  heartbeatIntervalMs: number;
}>;

function createMember(socket: LeanSocket, parts: Parts): Member {
  const { device, conversationId, acks, heartbeats } = parts;
  const { inbox } = socket;
  let message: Uint8Array = new Uint8Array();
  let requests = headsRequestId;
  const say = (frame: Parameters<typeof encodeFrame>[0]) => socket.write(toClientMessage(encodeFrame(frame)));
  const messages = () => inbox.arrivals.filter(({ kind }) => kind === "binary");
  const frames = () =>
    messages().flatMap((arrival) =>
      decodeServerFrames(inbox.payloadOf(arrival)).map((frame) => ({ frame, atMs: arrival.atMs })),
    );
  function heartbeat(): Promise<void> {
    const answered = heartbeats.next();
    say({ case: "heartbeat", value: create(HeartbeatSchema) });
    return answered;
  }
  heartbeats.repeat(parts.heartbeatIntervalMs, heartbeat);
  return {
    device,
    acks,
    prepare(sent) {
      inbox.clear();
      message = sent ? toClientMessage(encodeFrame(toUpMsg(conversationId, sent))) : new Uint8Array();
    },
    send: () => socket.write(message),
    say(messages) {
      const frames = messages.map((sent) => encodeFrame(toUpMsg(conversationId, sent)));
      socket.write(toClientMessage(Buffer.concat(frames)));
    },
    heartbeat,
    askHeads: () => say(allHeads),
    askPage: (afterSeq) => say(toSync(++requests, conversationId, afterSeq)),
    acknowledge: (seq) => say(toAck(conversationId, seq)),
    leave: (how) => socket.write(how === "logout" ? toClientMessage(encodeFrame(logout)) : toCloseMessage()),
    deliveries: () =>
      messages().map((arrival) => ({ value: arrival.atMs, count: findPushes(inbox.payloadOf(arrival)).pushes })),
    frames,
    takeFrames() {
      const taken = frames();
      inbox.clear();
      return taken;
    },
    pushMessages: () =>
      messages()
        .map((arrival) => inbox.payloadOf(arrival))
        .filter(holdsOnlyPushes)
        .map((payload) => payload.slice()),
    [Symbol.dispose]() {
      heartbeats[Symbol.dispose]();
      acks[Symbol.dispose]();
      socket[Symbol.dispose]();
    },
  };
}

const logout = { case: "logout", value: create(LogoutSchema) } as const;
const headsRequestId = 1n;
const allHeads = { case: "heads", value: create(HeadsSchema, { requestId: headsRequestId }) } as const;

function holdsOnlyPushes(message: Uint8Array): boolean {
  return findPushes(message).others === 0;
}

function loginOf({ token, deviceId }: MemberOptions) {
  return create(LoginSchema, { token, deviceId, platform: "bench", clientVersion: "tidewire-bench" });
}

function toUpMsg(conversationId: bigint, { clientId, text }: Sent) {
  const content = create(ContentSchema, { body: { case: "text", value: { text } } });
  const target = { case: "conversationId", value: conversationId } as const;
  return { case: "upMsg", value: create(UpMsgSchema, { clientId, target, content }) } as const;
}

function toSync(requestId: bigint, conversationId: bigint, afterSeq: bigint) {
  return { case: "sync", value: create(SyncSchema, { requestId, conversationId, afterSeq }) } as const;
}

function toAck(conversationId: bigint, seq: bigint) {
  return { case: "ack", value: create(AckSchema, { cursors: [{ conversationId, seq }] }) } as const;
}
