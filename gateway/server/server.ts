import uWS, { type HttpRequest, type HttpResponse, type WebSocket } from "uWebSockets.js";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { TidewireError } from "../../runtime/error.js";
import { concat } from "../frames/frames.js";
import { type BodyLimits, readBody } from "./body.js";

/** The sockets of this process: WebSockets and HTTP requests on one port. */
export interface SocketServer extends Disposable {
  /** Sends a binary message to all subscribers of a topic. */
  publish(topic: string, message: Uint8Array): void;
  /** Stops accepting; what is open stays. */
  stopListening(): void;
  readonly port: number;
}

/** One WebSocket. All methods do nothing once it has closed. */
export interface Socket {
  readonly remoteAddress: string;
  send(message: Uint8Array): void;
  subscribe(topic: string): void;
  unsubscribe(topic: string): void;
  close(code: number, reason: string): void;
}

/** What becomes of a WebSocket. */
export interface SocketHandler {
  /** `message` is valid during the call only. */
  message(message: Uint8Array, kind: "binary" | "text"): void;
  /** The socket did not take what was published to it. */
  dropped(): void;
  /** Everything that waited for the socket has been sent. */
  drained(): void;
  closed(): void;
}

/** A request to open a WebSocket, before it is one. */
export type Upgrade = Readonly<{ origin: string; host: string; subprotocols: string; remoteAddress: string }>;

export type UpgradeVerdict = { kind: "accepted" } | { kind: "refused"; status: string; reason: string };

export type PlainRequest = Readonly<{
  method: string;
  path: string;
  query: string;
  headers: Headers;
  remoteAddress: string;
  body: Uint8Array;
  /** Aborted when the caller goes away. */
  signal: AbortSignal;
}>;

export type PlainResponse = Readonly<{ status: number; headers: Headers; body: Uint8Array }>;

/** `exclusive`: a port that another program has is an error. `shared`: the system deals connections out to all who listen. */
export type PortSharing = "exclusive" | "shared";

export type SocketServerOptions = Readonly<{
  host: string;
  /** 0: any free port. */
  port: number;
  portSharing: PortSharing;
  path: string;
  subprotocol: string;
  /** A larger message ends the connection without a word, so it is twice what the protocol allows. */
  hardMessageMaxBytes: number;
  maxBackpressureBytes: number;
  idleTimeoutMs: number;
  body: BodyLimits;
  upgrade(request: Upgrade): UpgradeVerdict;
  open(socket: Socket): SocketHandler;
  request(request: PlainRequest): Promise<PlainResponse>;
}>;

type Connection = { remoteAddress: string; handler: SocketHandler | undefined; isOpen: boolean };

/**
 * Listens on `host` and `port`.
 * @throws TidewireError `UNAVAILABLE` if the port is taken or the address is not this machine's.
 */
export async function listen(options: SocketServerOptions): Promise<SocketServer> {
  const app = uWS.App();
  app.ws<Connection>(options.path, {
    maxPayloadLength: options.hardMessageMaxBytes,
    maxBackpressure: options.maxBackpressureBytes,
    closeOnBackpressureLimit: 0,
    idleTimeout: Math.min(960, Math.max(8, Math.ceil(options.idleTimeoutMs / 1000))),
    sendPingsAutomatically: false,
    compression: uWS.DISABLED,
    upgrade: (response, request, context) => upgrade(options, response, request, context),
    open: (ws) => {
      const connection = ws.getUserData();
      connection.isOpen = true;
      connection.handler = options.open(new OpenSocket(ws, connection));
    },
    message: (ws, message, isBinary) =>
      ws.getUserData().handler?.message(new Uint8Array(message), isBinary ? "binary" : "text"),
    dropped: (ws) => ws.getUserData().handler?.dropped(),
    drain: (ws) => void (ws.getBufferedAmount() === 0 && ws.getUserData().handler?.drained()),
    close: (ws) => {
      const connection = ws.getUserData();
      connection.isOpen = false;
      connection.handler?.closed();
    },
  });
  app.any("/*", (response, request) => handleRequest(options, response, request));

  const listening = await new Promise<uWS.us_listen_socket | false>((resolve) => {
    (app as unknown as Listener).listen(options.host, options.port, listenOptions[options.portSharing], resolve);
  });
  if (!listening) throw portError(options);
  let accepting = true;
  const stopListening = () => {
    if (accepting) uWS.us_listen_socket_close(listening);
    accepting = false;
  };
  return {
    port: uWS.us_socket_local_port(listening),
    publish: (topic, message) => void app.publish(topic, message, true),
    stopListening,
    [Symbol.dispose]() {
      accepting = false;
      app.close();
    },
  };
}

/** Why nobody can listen there, for an operator. */
export function portError({ host, port }: Pick<SocketServerOptions, "host" | "port">): TidewireError {
  const advice =
    "another program has the port, or the address is not of this machine. Set another with --port or TIDEWIRE_PORT";
  return new TidewireError(ErrorCode.UNAVAILABLE, `cannot listen on ${host}:${port}: ${advice}`);
}

/**
 * Without an option the port is shared, and a forgotten server silently takes half of the clients. The library has this
 * overload; its typings do not.
 */
const listenOptions: Readonly<Record<PortSharing, number>> = { exclusive: 1, shared: 0 };
interface Listener {
  listen(host: string, port: number, options: number, done: (socket: uWS.us_listen_socket | false) => void): unknown;
}

class OpenSocket implements Socket {
  readonly #ws: WebSocket<Connection>;
  readonly #connection: Connection;

  constructor(ws: WebSocket<Connection>, connection: Connection) {
    this.#ws = ws;
    this.#connection = connection;
  }

  get remoteAddress() {
    return this.#connection.remoteAddress;
  }

  send(message: Uint8Array) {
    const { isOpen, handler } = this.#connection;
    if (isOpen && this.#ws.send(message, true) === DROPPED) handler?.dropped();
  }

  subscribe(topic: string) {
    if (this.#connection.isOpen) this.#ws.subscribe(topic);
  }

  unsubscribe(topic: string) {
    if (this.#connection.isOpen) this.#ws.unsubscribe(topic);
  }

  close(code: number, reason: string) {
    if (this.#connection.isOpen) this.#ws.end(code, reason);
  }
}

/** What `ws.send` returns when the backpressure limit kept a message back. */
const DROPPED = 2;

function upgrade(
  options: SocketServerOptions,
  response: HttpResponse,
  request: HttpRequest,
  context: uWS.us_socket_context_t,
) {
  const remoteAddress = addressOf(response);
  const subprotocols = request.getHeader("sec-websocket-protocol");
  const verdict = options.upgrade({
    origin: request.getHeader("origin"),
    host: request.getHeader("host"),
    subprotocols,
    remoteAddress,
  });
  if (verdict.kind === "refused") {
    response.writeStatus(verdict.status).writeHeader("content-type", "text/plain").end(`${verdict.reason}\n`);
    return;
  }
  response.upgrade<Connection>(
    { remoteAddress, handler: undefined, isOpen: false },
    request.getHeader("sec-websocket-key"),
    options.subprotocol,
    request.getHeader("sec-websocket-extensions"),
    context,
  );
}

/** Reads all that is needed of `request` at once: it is gone after the first await. */
function handleRequest(options: SocketServerOptions, response: HttpResponse, request: HttpRequest) {
  const headers = new Headers();
  request.forEach((name, value) => {
    headers.append(name, value);
  });
  const aborted = new AbortController();
  const head = {
    method: request.getMethod().toUpperCase(),
    path: request.getUrl(),
    query: request.getQuery() ?? "",
    headers,
    remoteAddress: addressOf(response),
    signal: aborted.signal,
  };
  response.onAborted(() => aborted.abort(new TidewireError(ErrorCode.UNAVAILABLE, "the caller went away")));
  void answer(options, response, head);
}

async function answer(options: SocketServerOptions, response: HttpResponse, head: Omit<PlainRequest, "body">) {
  const body = await readBody(response, head.signal, options.body);
  if (head.signal.aborted) return;
  const plain = body.kind === "read" ? await options.request({ ...head, body: concat(body.chunks) }) : toText(body);
  if (head.signal.aborted) return;
  response.cork(() => {
    response.writeStatus(String(plain.status));
    for (const [name, value] of plain.headers) if (name !== "content-length") response.writeHeader(name, value);
    response.end(plain.body, body.kind !== "read");
  });
}

function toText({ status, reason }: { status: number; reason: string }): PlainResponse {
  const headers = new Headers({ "content-type": "text/plain" });
  return { status, headers, body: new TextEncoder().encode(`${reason}\n`) };
}

function addressOf(response: HttpResponse): string {
  return Buffer.from(response.getRemoteAddressAsText()).toString();
}
