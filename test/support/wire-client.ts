import { create } from "@bufbuild/protobuf";
import { WebSocket } from "ws";
import type { ServerFrameCase, ServerFrameOf } from "../../gen/ts/tidewire/v1/dispatch.js";
import { type LoginOk, type ServerFrame, StoredSchema, type UpAck } from "../../gen/ts/tidewire/v1/frame_pb.js";
import { type Clock, systemClock } from "../../runtime/clock.js";
import { type ClientFrameInit, decodeMessage, encodeMessage } from "./wire-framing.js";

const answerTimeoutMs = 5_000;

/** How a connection ended. `code` is 1006 if no close frame came. */
export interface WireClose {
  code: number;
  reason: string;
}

/** The protocol as its documents state it: a plain WebSocket and the generated messages, nothing of the SDK. */
export interface WireClient {
  /** Sends frames in one WebSocket message. */
  send(...frames: ClientFrameInit[]): void;
  /** Sends a binary WebSocket message, whatever it holds. */
  sendRaw(bytes: Uint8Array): void;
  /** Sends a text WebSocket message, which the protocol does not allow. */
  sendText(text: string): void;
  /**
   * The earliest frame of this kind that no call has taken yet; waits for it if need be.
   * @throws Error if it does not come within `timeoutMs`, if the connection ends first, or after a malformed message.
   */
  next<Kind extends ServerFrameCase>(kind: Kind, timeoutMs?: number): Promise<ServerFrameOf<Kind>>;
  /**
   * The next outcome of an own message: by an `up_ack`, which is taken, or by the own push that makes it superfluous, which is not.
   * Each message has one; a repeated `up_ack` is for `next`. @throws Error as `next`.
   */
  outcome(timeoutMs?: number): Promise<Pick<UpAck, "clientId" | "outcome">>;
  /** Every frame that came, in order, taken or not. */
  readonly frames: readonly ServerFrame[];
  /** Resolves when the connection has ended, however it did. After a malformed message its reason tells the flaw. */
  readonly closed: Promise<WireClose>;
  /** Closes in an orderly way, and resolves when the server has agreed. */
  close(): Promise<WireClose>;
  /** Cuts the connection, as a lost network would. */
  terminate(): void;
}

export interface WireOptions {
  /** WebSocket subprotocols to offer. Default: "tidewire.v1". */
  protocols?: string[];
  /** More HTTP headers, such as Origin. */
  headers?: Record<string, string>;
  /** What to do about pushes. Default: acknowledge them at once, for a device that does not is sent them again. */
  acks?: "at-once" | "none";
  /** For the timeouts of `next`. Default: the system's. */
  clock?: Clock;
}

/**
 * Connects to a gateway, such as "ws://127.0.0.1:8080/ws".
 * @throws Error if the server refuses the upgrade or picks no subprotocol that was offered.
 */
export async function connectWire(url: string, options: WireOptions = {}): Promise<WireClient> {
  const { protocols = ["tidewire.v1"], headers = {}, acks = "at-once", clock = systemClock } = options;
  const socket = new WebSocket(url, protocols, { headers, perMessageDeflate: false });
  const inbox = createInbox(clock);
  let flaw: string | undefined;
  const closed = new Promise<WireClose>((resolve) => {
    socket.once("close", (code, reason) => {
      const close = { code, reason: flaw ?? reason.toString() };
      inbox.end(`the connection has ended with ${code} "${close.reason}"`);
      resolve(close);
    });
  });
  // Listens before the socket is open: the first message may come in the same packet as the handshake's answer.
  socket.on("message", (data: Buffer, isBinary: boolean) => {
    if (flaw !== undefined) return;
    try {
      if (!isBinary) throw new Error("the server sent a text message");
      const frames = decodeMessage(data);
      if (acks === "at-once") acknowledge(socket, frames);
      inbox.put(frames);
    } catch (cause) {
      flaw = `malformed: ${cause instanceof Error ? cause.message : String(cause)}`;
      socket.terminate();
    }
  });
  await opened(socket);
  return {
    send: (...frames) => socket.send(encodeMessage(frames)),
    sendRaw: (bytes) => socket.send(bytes, { binary: true }),
    sendText: (text) => socket.send(text),
    async next<Kind extends ServerFrameCase>(kind: Kind, timeoutMs = answerTimeoutMs) {
      const frame = await inbox.take(kind, timeoutMs);
      return frame.value as ServerFrameOf<Kind>;
    },
    outcome: createOutcomes(inbox),
    frames: inbox.frames,
    closed,
    close() {
      socket.close(1000);
      return closed;
    },
    terminate: () => socket.terminate(),
  };
}

/** Reads outcomes off the frames, each once, whichever frame is the first to tell it. */
function createOutcomes({ frames, arrival, claim }: Inbox): WireClient["outcome"] {
  const told = new Set<bigint>();
  let own: Pick<LoginOk, "userId" | "device"> | undefined;
  let read = 0;

  function outcomeOf({ frame }: ServerFrame): Pick<UpAck, "clientId" | "outcome"> | undefined {
    if (frame.case === "loginOk") own = frame.value;
    if (frame.case === "upAck") return claim(frame) ? frame.value : undefined;
    const message = frame.case === "push" ? frame.value.message : undefined;
    if (!own || message?.senderId !== own.userId || message.senderDevice !== own.device) return undefined;
    const { conversationId, seq, messageId, sentAtMs } = message;
    const value = create(StoredSchema, { conversationId, seq, messageId, sentAtMs });
    return { clientId: message.clientId, outcome: { case: "stored", value } };
  }

  return async (timeoutMs = answerTimeoutMs) => {
    for (;;) {
      for (; read < frames.length; ) {
        const frame = frames[read++];
        const outcome = frame && outcomeOf(frame);
        if (!outcome || told.has(outcome.clientId)) continue;
        told.add(outcome.clientId);
        return outcome;
      }
      await arrival(timeoutMs);
    }
  };
}

/** The last seq of each conversation: good enough where pushes come in order. */
function acknowledge(socket: WebSocket, frames: readonly ServerFrame[]): void {
  const seqs = new Map<bigint, bigint>();
  for (const { frame } of frames) {
    if (frame.case === "push" && frame.value.message)
      seqs.set(frame.value.message.conversationId, frame.value.message.seq);
  }
  if (seqs.size === 0 || socket.readyState !== WebSocket.OPEN) return;
  const cursors = [...seqs].map(([conversationId, seq]) => ({ conversationId, seq }));
  socket.send(encodeMessage([{ frame: { case: "ack", value: { cursors } } }]));
}

/** Logs in and waits for the answer. */
export function login(client: WireClient, token: string, deviceId: string): Promise<LoginOk> {
  const value = { token, deviceId, platform: "test", clientVersion: "wire-client" };
  client.send({ frame: { case: "login", value } });
  return client.next("loginOk");
}

function opened(socket: WebSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once("open", resolve);
    // Stays for the connection's life: an error without a listener would end the test's process; `closed` tells of it.
    socket.on("error", reject);
  });
}

interface Waiter {
  kind: ServerFrameCase;
  resolve(frame: ServerFrame["frame"]): void;
  reject(error: Error): void;
  timeout: Disposable;
}

type Inbox = ReturnType<typeof createInbox>;

/** Frames that came and nobody has taken, and those who wait for one. */
function createInbox(clock: Clock) {
  const frames: ServerFrame[] = [];
  const untaken: ServerFrame["frame"][] = [];
  const waiters = new Set<Waiter>();
  const arrivals: ((why: string | undefined) => void)[] = [];
  let ended: string | undefined;

  const failure = (kind: ServerFrameCase, why: string) =>
    new Error(`no ${kind} came: ${why}; untaken frames: ${untaken.map((frame) => frame.case).join(", ") || "none"}`);

  function put(arrived: readonly ServerFrame[]): void {
    frames.push(...arrived);
    for (const { frame } of arrived) {
      const waiter = [...waiters].find(({ kind }) => kind === frame.case);
      if (waiter === undefined) untaken.push(frame);
      else settle(waiter, () => waiter.resolve(frame));
    }
    tellArrival();
  }

  function settle(waiter: Waiter, outcome: () => void): void {
    waiters.delete(waiter);
    waiter.timeout[Symbol.dispose]();
    outcome();
  }

  function take(kind: ServerFrameCase, timeoutMs: number): Promise<ServerFrame["frame"]> {
    const index = untaken.findIndex((frame) => frame.case === kind);
    const [taken] = index < 0 ? [] : untaken.splice(index, 1);
    if (taken !== undefined) return Promise.resolve(taken);
    if (ended !== undefined) return Promise.reject(failure(kind, ended));
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        kind,
        resolve,
        reject,
        timeout: clock.after(timeoutMs, () =>
          settle(waiter, () => reject(failure(kind, `${timeoutMs} ms have passed`))),
        ),
      };
      waiters.add(waiter);
    });
  }

  function end(why: string): void {
    ended = why;
    for (const waiter of waiters) settle(waiter, () => waiter.reject(failure(waiter.kind, why)));
    tellArrival(why);
  }

  /** Takes this very frame, unless somebody has. */
  function claim(frame: ServerFrame["frame"]): boolean {
    const index = untaken.indexOf(frame);
    if (index >= 0) untaken.splice(index, 1);
    return index >= 0;
  }

  /** Resolves when something has come. */
  function arrival(timeoutMs: number): Promise<void> {
    if (ended !== undefined) return Promise.reject(new Error(`no outcome came: ${ended}`));
    return new Promise((resolve, reject) => {
      const late = clock.after(timeoutMs, () => reject(new Error(`no outcome came: ${timeoutMs} ms have passed`)));
      arrivals.push((why) => {
        late[Symbol.dispose]();
        if (why === undefined) resolve();
        else reject(new Error(`no outcome came: ${why}`));
      });
    });
  }

  function tellArrival(why?: string) {
    for (const tell of arrivals.splice(0)) tell(why);
  }

  return { frames, put, take, claim, arrival, end };
}
