import type { Message } from "../../../gen/ts/tidewire/v1/content_pb.js";
import { ErrorCode } from "../../../gen/ts/tidewire/v1/error_pb.js";
import type { Stored } from "../../../gen/ts/tidewire/v1/frame_pb.js";
import { type Clock, systemClock } from "./clock.js";
import { compareBigints } from "./compare.js";
import type { ConnectionState } from "./connection.js";
import { type Sendable, type Target, toContent, toUpTarget } from "./content.js";
import type { Conversation } from "./conversations.js";
import { createCore, type Pending } from "./core.js";
import { TidewireClientError } from "./errors.js";
import type { ClientEvent } from "./events.js";
import { createFeed } from "./feed.js";
import { platformCompressions } from "./packed-pages.js";
import { createShell, type WebSocketConstructor } from "./shell.js";
import type { Snapshot, Storage } from "./storage.js";

export type ClientOptions = Readonly<{
  /** Where the gateway is, such as "wss://chat.example.com/ws". */
  url: string;
  /**
   * An access token, or what gives one each time it is needed: before each connection, and before the present one expires.
   * Rejecting with a final TidewireClientError closes the client; with anything else, it tries again.
   */
  token: string | (() => Promise<string> | string);
  /** This device's own storage; shared with no other client and no other user. */
  storage: Storage;
  /** 1 to 64 bytes, for a storage that is new. Default: a random one. */
  deviceId?: string;
  /** "ios", "android", "web", "desktop", "cli", … Default: "web". */
  platform?: string;
  /** The app's name and version, for the server's logs. At most 64 bytes. */
  clientVersion?: string;
  /** Default: the standard global one, which Node has from version 22 on. Otherwise pass the one of the `ws` package. */
  webSocket?: WebSocketConstructor;
  /** Default: the system's. */
  clock?: Clock;
  /** Uniform in [0, 1). Default: Math.random. */
  random?: () => number;
}>;

/** A message that was queued. */
export type Sent = {
  /** The device's number for it. May change until it is stored, if the storage or the server was restored. */
  readonly clientId: bigint;
  /**
   * Where it lies in the log. Stays pending across reconnects. Ignoring it is safe.
   * @throws TidewireClientError with the server's code if it was refused for good; UNAVAILABLE if the client was closed
   *   first: then the message is still in the outbox, and leaves at the next start.
   */
  readonly stored: Promise<Stored>;
};

/** A device. */
export interface Client {
  /** Connects, and stays connected: it reconnects by itself until `close`, or until the server ends the session for good. */
  start(): void;
  /**
   * Queues a message, and sends it as soon as there is a connection. It is in the storage before it leaves; the order
   * of calls is the order in the log.
   */
  send(target: Target, content: Sendable): Sent;
  /** Every message that is applied from now on, each log in order and without gaps. Own ones, too. */
  messages(): AsyncIterableIterator<Message>;
  /** Everything that happens from now on. */
  events(): AsyncIterableIterator<ClientEvent>;
  /** Calls `listener` for everything that happens, at once. Returns a way to stop that. */
  on(listener: (event: ClientEvent) => void): () => void;
  readonly connection: ConnectionState;
  /** The user that this storage belongs to. 0 before the first login. */
  readonly userId: bigint;
  /** All conversations, the one that changed last first. */
  conversations(): Conversation[];
  conversation(conversationId: bigint): Conversation | undefined;
  /** Own messages without an outcome, in the order in which they were sent. Also those of an earlier run. */
  pending(): Pending[];
  /**
   * What this device holds of a log, below `beforeSeq` (default: from the end), by rising seq, and without gaps: it
   * ends where this device's copy has one. What is older can be read through the API. The conversation is synced first.
   * @param options.limit Default: 50.
   */
  history(conversationId: bigint, options?: { beforeSeq?: bigint; limit?: number }): Promise<Message[]>;
  /** The user has read everything up to `seq`. Marks only move forward. */
  markRead(conversationId: bigint, seq: bigint): void;
  /** Ends the session and releases the storage. Nothing is lost: the next client on this storage goes on. */
  close(): Promise<void>;
}

/** How far a reader of `messages` or `events` may fall behind. */
const backlogMax = 100_000;

type Waiter = { clientId: bigint; resolve: (stored: Stored) => void; reject: (error: Error) => void };

/**
 * Opens a device's storage. Nothing connects before `start`.
 * @throws Error if the storage is in use or cannot be read, or if `url` is not a WebSocket URL.
 */
export async function createClient(options: ClientOptions): Promise<Client> {
  const webSocket = options.webSocket ?? globalWebSocket();
  if (!/^wss?:\/\/./.test(options.url)) throw new Error(`not a WebSocket URL: ${options.url}`);
  const { storage } = options;
  const opened = await storage.open();
  try {
    const restored = await identify(storage, opened, options.deviceId);
    return assemble({ ...options, webSocket }, restored);
  } catch (error) {
    await storage.close();
    throw error;
  }
}

function globalWebSocket(): WebSocketConstructor {
  const { WebSocket: standard } = globalThis as { WebSocket?: WebSocketConstructor };
  if (standard === undefined) throw new Error("this runtime has no WebSocket: pass one as `webSocket`");
  return standard;
}

/** Gives a new storage its device id: kept with the outbox, because both number the same messages. */
async function identify(storage: Storage, opened: Snapshot, wished: string | undefined): Promise<Snapshot> {
  if (opened.deviceId === "") {
    const deviceId = wished ?? randomDeviceId();
    await storage.commit([{ kind: "identity", deviceId, userId: 0n, storeId: "" }]);
    return { ...opened, deviceId };
  }
  if (wished !== undefined && wished !== opened.deviceId) throw new Error("this storage belongs to another device");
  return opened;
}

/** 128 random bits. Not `crypto.randomUUID`, which browsers offer on encrypted pages only. */
function randomDeviceId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function assemble(options: ClientOptions & { webSocket: WebSocketConstructor }, restored: Snapshot): Client {
  const { storage, url, webSocket } = options;
  const { token: given } = options;
  const token = typeof given === "string" ? () => given : given;
  const { platform = "web", clientVersion = "tidewire-client", random = Math.random, clock = systemClock } = options;
  const core = createCore({ restored, random, platform, clientVersion, compressions: platformCompressions() });
  const shell = createShell({ core, url, token, storage, clock, webSocket, tell });
  const messages = createFeed<Message>(backlogMax);
  const events = createFeed<ClientEvent>(backlogMax);
  const listeners = new Set<(event: ClientEvent) => void>();
  let waiters = new Map<bigint, Waiter>();
  let closing: Promise<void> | undefined;

  function takeWaiter(clientId: bigint): Waiter | undefined {
    const waiter = waiters.get(clientId);
    waiters.delete(clientId);
    return waiter;
  }

  function renumber(moves: readonly { from: bigint; to: bigint }[]): void {
    const targets = new Map(moves.map(({ from, to }) => [from, to]));
    const moved = [...waiters.values()];
    for (const waiter of moved) waiter.clientId = targets.get(waiter.clientId) ?? waiter.clientId;
    waiters = new Map(moved.map((waiter) => [waiter.clientId, waiter]));
  }

  function tell(event: ClientEvent): void {
    if (event.kind === "renumbered") renumber(event.moves);
    if (event.kind === "stored") takeWaiter(event.clientId)?.resolve(event.stored);
    if (event.kind === "refused") takeWaiter(event.clientId)?.reject(new TidewireClientError(event.code));
    if (event.kind === "message") messages.push(event.message);
    if (shell.failure !== undefined) rejectAll(shell.failure);
    events.push(event);
    for (const listener of listeners) listener(event);
  }

  function rejectAll(advice: string): void {
    for (const waiter of waiters.values()) waiter.reject(new TidewireClientError(ErrorCode.UNAVAILABLE, advice));
    waiters.clear();
  }

  function refused(error: TidewireClientError): Sent {
    return { clientId: 0n, stored: ignorable(Promise.reject(error)) };
  }

  async function close(): Promise<void> {
    shell.dispatch({ kind: "stop", advice: "The app closed the client." });
    await shell.idle();
    const advice = "The client was closed. The message is in the outbox and leaves at the next start.";
    rejectAll(advice);
    messages.end();
    events.end();
    await storage.close();
  }

  function read(conversationId: bigint, seq: bigint, counter: bigint | undefined): void {
    if (closing === undefined) shell.dispatch({ kind: "read", conversationId, seq, counter });
  }

  /** In the middle of a log, what is left unread follows from the counter of the message there. */
  async function readInTheMiddle(conversationId: bigint, seq: bigint): Promise<void> {
    const [message] = await storage.messages(conversationId, seq + 1n, 1).catch(() => []);
    read(conversationId, seq, message?.seq === seq ? message.counter : undefined);
  }

  return {
    start() {
      if (closing === undefined) shell.dispatch({ kind: "start" });
    },
    send(target, sendable) {
      const obstacle = closing === undefined ? shell.failure : "The client is closed.";
      if (obstacle !== undefined) return refused(new TidewireClientError(ErrorCode.UNAVAILABLE, obstacle));
      const message = { target: toUpTarget(target), content: toContent(sendable) };
      const { step, outcome } = core.send(message, shell.now());
      if (outcome.kind === "refused") return refused(new TidewireClientError(outcome.code));
      const { clientId } = outcome;
      const { promise, ...settle } = withResolvers<Stored>();
      const waiter = { clientId, ...settle };
      waiters.set(clientId, waiter);
      shell.perform(step);
      return {
        get clientId() {
          return waiter.clientId;
        },
        stored: ignorable(promise),
      };
    },
    messages: () => messages.read(),
    events: () => events.read(),
    on(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    get connection() {
      return core.connection;
    },
    get userId() {
      return core.userId;
    },
    conversations: () => core.conversations().sort(byRecency),
    conversation: (conversationId) => core.conversation(conversationId),
    pending: () => core.pending(),
    async history(conversationId, { beforeSeq = 0n, limit = 50 } = {}) {
      if (closing === undefined) shell.dispatch({ kind: "focus", conversationId });
      return lastRun(await storage.messages(conversationId, beforeSeq, limit));
    },
    markRead(conversationId, seq) {
      if (seq >= (core.conversation(conversationId)?.headSeq ?? 0n)) read(conversationId, seq, undefined);
      else void readInTheMiddle(conversationId, seq);
    },
    close() {
      closing ??= close();
      return closing;
    },
  };
}

/** Nobody has to handle this promise's rejection. */
function ignorable<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

function withResolvers<T>() {
  let resolve: (value: T) => void = () => {};
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}

function byRecency(one: Conversation, other: Conversation): number {
  return compareBigints(other.lastMessage?.messageId ?? 0n, one.lastMessage?.messageId ?? 0n);
}

/** The longest tail without a gap. */
function lastRun(messages: Message[]): Message[] {
  let start = Math.max(0, messages.length - 1);
  while (start > 0 && messages[start - 1]?.seq === (messages[start]?.seq ?? 0n) - 1n) start -= 1;
  return messages.slice(start);
}
