import { type Arrivals, createArrivals, notFrames } from "./arrivals.js";
import type { Clock } from "./clock.js";
import type { Instant } from "./connection.js";
import type { Action, Core, CoreEvent, Step } from "./core.js";
import { TidewireClientError } from "./errors.js";
import type { ClientEvent } from "./events.js";
import type { Storage } from "./storage.js";

/** As much of the standard WebSocket as is used here. Browsers, Deno, Bun, Node 22 and the `ws` package have it. */
export interface WebSocketLike {
  binaryType: string;
  send(data: Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: "open" | "error", listener: () => void): void;
  addEventListener(type: "message", listener: (event: { data: unknown }) => void): void;
  addEventListener(type: "close", listener: (event: { code: number }) => void): void;
}

export type WebSocketConstructor = new (url: string, protocol: string) => WebSocketLike;

export type ShellOptions = Readonly<{
  core: Core;
  /** A `ws:` or `wss:` URL. */
  url: string;
  token: () => Promise<string> | string;
  storage: Storage;
  clock: Clock;
  webSocket: WebSocketConstructor;
  /** Called for each event, in order, after it has been stored. */
  tell: (event: ClientEvent) => void;
}>;

/** Performs what the core asks for, and tells the core what happens. It decides nothing. */
export interface Shell {
  dispatch(event: CoreEvent): void;
  /** Performs a step that the core has taken outside `dispatch`. */
  perform(step: Step): void;
  now(): Instant;
  /** Resolves once everything asked for so far has been done. */
  idle(): Promise<void>;
  /** Why the storage can no longer be written, if it cannot. Then nothing that the core takes in is kept. */
  readonly failure: string | undefined;
}

const subprotocol = "tidewire.v1";

export function createShell(options: ShellOptions): Shell {
  const { core, storage, clock } = options;
  let queue: Step[] = [];
  let isDraining = false;
  let drained: Promise<void> = Promise.resolve();
  let failure: string | undefined;
  let socket: { number: number; webSocket: WebSocketLike; arrivals: Arrivals } | undefined;
  let timer: Disposable | undefined;

  const now = (): Instant => ({ monotonicMs: clock.monotonicMs(), wallMs: clock.nowMs() });

  function dispatch(event: CoreEvent): void {
    perform(core.step(event, now()));
  }

  function perform(step: Step): void {
    if (step.writes.length > 0 || step.actions.length > 0) queue.push(step);
    schedule();
    if (!isDraining && queue.length > 0) drained = drain();
  }

  function schedule(): void {
    timer?.[Symbol.dispose]();
    timer = undefined;
    const deadlineMs = core.deadlineMs();
    if (deadlineMs === undefined) return;
    // At least a millisecond, and rounded up: timers that fire early would spin.
    const delayMs = Math.max(1, Math.ceil(deadlineMs - clock.monotonicMs()));
    timer = clock.after(delayMs, () => dispatch({ kind: "tick" }));
  }

  /** Steps that gathered while the storage was busy share its next batch. */
  async function drain(): Promise<void> {
    isDraining = true; // What listeners cause meanwhile queues up behind.
    while (queue.length > 0) {
      const steps = queue;
      queue = [];
      const writes = steps.flatMap((step) => step.writes);
      const isKept = writes.length === 0 || failure !== undefined || (await tryCommit(writes));
      if (isKept) for (const step of steps) for (const action of step.actions) act(action);
    }
    isDraining = false;
  }

  /** Without storage there is nothing that a client may promise: it stops, and drops what waits for the storage. */
  async function tryCommit(writes: Step["writes"]): Promise<boolean> {
    try {
      await storage.commit(writes);
      return true;
    } catch (cause) {
      failure = `The device's storage failed: ${cause instanceof Error ? cause.message : String(cause)}`;
      queue = [];
      const { actions } = core.step({ kind: "stop", advice: failure }, now());
      for (const action of actions) if (action.kind !== "transmit") act(action);
      return false;
    }
  }

  function act(action: Action): void {
    switch (action.kind) {
      case "fetch-token":
        return void fetchToken(action.request);
      case "connect":
        return connect(action.socket, action.address);
      case "transmit":
        if (socket?.number === action.socket) transmit(socket.webSocket, action.bytes);
        return;
      case "disconnect":
        if (socket?.number === action.socket) hangUp(socket, action.code);
        return;
      case "tell":
        return options.tell(action.event);
    }
  }

  async function fetchToken(request: number): Promise<void> {
    try {
      const token = await options.token();
      dispatch({ kind: "token", request, token });
    } catch (cause) {
      const isFinal = cause instanceof TidewireClientError && cause.isFinal;
      const advice = cause instanceof TidewireClientError ? cause.advice : `No access token: ${String(cause)}`;
      dispatch({ kind: "token-failed", request, advice, outcome: isFinal ? "final" : "retry" });
    }
  }

  function connect(number: number, address: string | undefined): void {
    const url = address !== undefined && isSafeDetour(options.url, address) ? address : options.url;
    let webSocket: WebSocketLike;
    try {
      webSocket = new options.webSocket(url, subprotocol);
    } catch {
      return dispatch({ kind: "socket-closed", socket: number, code: 1006 });
    }
    const arrivals = createArrivals(dispatch);
    socket = { number, webSocket, arrivals };
    webSocket.binaryType = "arraybuffer";
    webSocket.addEventListener("open", () => arrivals.take({ kind: "socket-opened", socket: number }));
    webSocket.addEventListener("message", ({ data }) => {
      const bytes = data instanceof ArrayBuffer ? new Uint8Array(data) : notFrames; // a text message is none
      arrivals.take({ kind: "socket-message", socket: number, bytes });
    });
    webSocket.addEventListener("close", ({ code }) => arrivals.take({ kind: "socket-closed", socket: number, code }));
    webSocket.addEventListener("error", () => {}); // A close event follows and says all there is to say.
  }

  return {
    dispatch,
    perform,
    now,
    async idle() {
      while (isDraining) await drained;
    },
    get failure() {
      return failure;
    },
  };
}

/** A socket that is closing throws or drops; either way its close event follows, and what was sent is sent again. */
function transmit(webSocket: WebSocketLike, bytes: Uint8Array): void {
  try {
    webSocket.send(bytes as Uint8Array<ArrayBuffer>);
  } catch {
    // As above.
  }
}

/** What this socket still tells, or has told already, is of no more use. */
function hangUp({ webSocket, arrivals }: { webSocket: WebSocketLike; arrivals: Arrivals }, code: number): void {
  arrivals.drop();
  webSocket.close(code);
}

/** A server may name another gateway, but not lead a client from an encrypted connection to a plain one. */
function isSafeDetour(configured: string, address: string): boolean {
  return address.startsWith("wss://") || (address.startsWith("ws://") && configured.startsWith("ws://"));
}
