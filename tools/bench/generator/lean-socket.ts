import { createHash, randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import { type Arrival, createInbox, type Inbox } from "./inbox.js";

/**
 * A WebSocket client that does only what a load generator needs. A full client such as `ws` costs the generator a multiple
 * of the core while the clock runs, and then it measures itself.
 */
export interface LeanSocket extends Disposable {
  readonly inbox: Inbox;
  /** Sends what `toClientMessage` made. */
  write(message: Uint8Array): void;
}

export type LeanSocketOptions = Readonly<{
  host: string;
  port: number;
  path: string;
  /** The subprotocol to ask for and to insist on, or undefined. */
  subprotocol: string | undefined;
  /** What to expect between two calls of `inbox.clear`, in bytes. */
  inboxBytes: number;
  /** Whole binary messages have arrived. */
  received(messages: readonly Arrival[]): void;
  /** The connection has ended, and not by `dispose`. */
  lost(reason: string): void;
}>;

type SocketState =
  | { state: "upgrading"; head: Buffer; key: string; opened: () => void; failed: (error: Error) => void }
  | { state: "open" }
  | { state: "closed" };

let openSockets = 0;

/** Those of this process that are open. */
export function countOpenSockets(): number {
  return openSockets;
}

/** @throws Error if the server does not accept the connection. */
export function openLeanSocket(options: LeanSocketOptions): Promise<LeanSocket> {
  return new Promise((resolve, reject) => {
    const inbox = createInbox(options.inboxBytes);
    const key = randomBytes(16).toString("base64");
    const opened = () => resolve({ inbox, write: (message) => void socket.write(message), [Symbol.dispose]: close });
    let now: SocketState = { state: "upgrading", head: Buffer.alloc(0), key, opened, failed: reject };

    function close() {
      if (now.state === "open") openSockets--;
      now = { state: "closed" };
      socket.destroy();
    }

    function fail(reason: string) {
      const before = now;
      close();
      if (before.state === "upgrading") before.failed(new Error(`the server did not open a WebSocket: ${reason}`));
      if (before.state === "open") options.lost(reason);
    }

    function receive(count: number) {
      try {
        const atMs = performance.now();
        if (now.state === "open") deliver(inbox.commit(count, atMs));
        else if (now.state === "upgrading") upgrade(now, count, atMs);
      } catch (error) {
        fail(error instanceof Error ? error.message : String(error));
      }
    }

    /** The answer to the upgrade is short and comes alone, but for messages that may follow in the same packet. */
    function upgrade(upgrading: SocketState & { state: "upgrading" }, count: number, atMs: number) {
      const head = Buffer.concat([upgrading.head, inbox.space().subarray(0, count)]);
      now = { ...upgrading, head };
      const end = head.indexOf("\r\n\r\n");
      if (end < 0) return;
      checkUpgrade(head.toString("latin1", 0, end), key, options.subprotocol);
      now = { state: "open" };
      openSockets++;
      const rest = head.subarray(end + 4);
      inbox.space().set(rest);
      upgrading.opened();
      // After this turn, so that whoever awaits the socket has it before its first message.
      queueMicrotask(() => deliver(inbox.commit(rest.length, atMs)));
    }

    function deliver(arrivals: readonly Arrival[]) {
      if (arrivals.length === 0) return;
      for (const arrival of arrivals) {
        if (arrival.kind === "close") return fail(closeReason(inbox.payloadOf(arrival)));
        if (arrival.kind === "ping") socket.write(toClientMessage(inbox.payloadOf(arrival), "pong"));
      }
      options.received(arrivals.filter(({ kind }) => kind === "binary"));
    }

    const socket: Socket = connect({
      host: options.host,
      port: options.port,
      noDelay: true,
      onread: {
        buffer: () => inbox.space(),
        callback(count) {
          receive(count);
          return true;
        },
      },
    });
    socket.on("connect", () => socket.write(toUpgradeRequest(options, key)));
    socket.on("error", (error) => fail(error.message));
    socket.on("close", () => fail("the connection was cut"));
    socket.resume(); // or its end would never be noticed
  });
}

const opcodes = { binary: 0x82, close: 0x88, pong: 0x8a } as const;

/**
 * A message of a client, masked as it has to be, with the mask 0: a constant mask is allowed to nobody who talks through
 * a foreign proxy, and costs nothing (RFC 6455 §10.3).
 */
export function toClientMessage(payload: Uint8Array, kind: keyof typeof opcodes = "binary"): Uint8Array {
  if (payload.length > 0xffff) throw new Error("the load generator sends no message of 64 KiB and more");
  const length = payload.length < 126 ? [0x80 | payload.length] : [0xfe, payload.length >> 8, payload.length & 0xff];
  return Buffer.concat([Buffer.from([opcodes[kind], ...length, 0, 0, 0, 0]), payload]);
}

/** Says goodbye: 1000, all went well. */
export function toCloseMessage(): Uint8Array {
  return toClientMessage(Uint8Array.of(0x03, 0xe8), "close");
}

function toUpgradeRequest({ host, port, path, subprotocol }: LeanSocketOptions, key: string): string {
  const lines = [
    `GET ${path} HTTP/1.1`,
    `Host: ${host}:${port}`,
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    `Sec-WebSocket-Key: ${key}`,
    ...(subprotocol === undefined ? [] : [`Sec-WebSocket-Protocol: ${subprotocol}`]),
  ];
  return `${lines.join("\r\n")}\r\n\r\n`;
}

/** @throws Error with the server's words if it refuses. */
function checkUpgrade(head: string, key: string, subprotocol: string | undefined): void {
  const [status = "", ...lines] = head.split("\r\n");
  if (!status.startsWith("HTTP/1.1 101")) throw new Error(status);
  const headers = new Map(
    lines.map((line) => [line.split(":", 1)[0]?.toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]),
  );
  const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
  if (headers.get("sec-websocket-accept") !== accept) throw new Error("its Sec-WebSocket-Accept is wrong");
  if (headers.get("sec-websocket-protocol") !== subprotocol) throw new Error("it does not speak the subprotocol");
}

function closeReason(payload: Uint8Array): string {
  const code = payload.length < 2 ? 1005 : Buffer.from(payload).readUInt16BE();
  return `the server closed the connection with ${code} ${Buffer.from(payload.subarray(2)).toString()}`.trim();
}
