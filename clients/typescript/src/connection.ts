import { create } from "@bufbuild/protobuf";
import { type CloseMeaning, closeMeanings, reconnectsAfter } from "../../../gen/ts/tidewire/v1/close-codes.js";
import { CloseCode } from "../../../gen/ts/tidewire/v1/error_pb.js";
import {
  type ClientFrame,
  type Compression,
  type Error as ErrorFrame,
  type Goaway,
  GoawayReason,
  HeartbeatSchema,
  type LoginOk,
  LoginSchema,
} from "../../../gen/ts/tidewire/v1/frame_pb.js";
import { type Backoff, createBackoff } from "./backoff.js";

/** Why a connection ended. `code` is the WebSocket's close code (see CloseCode), or 0 if this client ended it. */
export type CloseReason = Readonly<{ code: number; advice: string }>;

/** Where a client stands with its server. Times are on the client's monotonic clock. */
export type ConnectionState =
  /** Not started. */
  | { state: "idle" }
  /** Asks the app for an access token. */
  | { state: "authorizing" }
  | { state: "connecting" }
  /** Connected; waits for `login_ok`. */
  | { state: "greeting" }
  | { state: "ready"; userId: bigint; device: number; sessionId: bigint }
  /** The gateway is shutting down: what is under way is finished, nothing new is sent. */
  | { state: "draining"; reconnectAtMs: number }
  /** Lost; tries again. */
  | { state: "waiting"; reconnectAtMs: number; reason: CloseReason }
  /** Over, until the app starts it again. */
  | { state: "closed"; reason: CloseReason };

export type ConnectionEffect =
  | { kind: "fetch-token"; request: number }
  /** @property address Where a `goaway` pointed to; otherwise the configured place. */
  | { kind: "connect"; socket: number; address: string | undefined }
  | { kind: "disconnect"; socket: number; code: number }
  | { kind: "say"; frame: ClientFrame["frame"] }
  /** The state changed, and everything that hung on an earlier session is void if it is not `ready` or `draining`. */
  | { kind: "changed"; connection: ConnectionState };

/** Two clocks: `monotonicMs` for intervals, `wallMs` since 1970-01-01 UTC for the wire. */
export type Instant = Readonly<{ monotonicMs: number; wallMs: number }>;

/** One device's connection, over and over. Each method returns what has to be done, in order. */
export interface Connection {
  readonly current: ConnectionState;
  /** True while frames may be sent on the socket of this number. */
  isOpen(socket: number): boolean;
  readonly socket: number;
  start(at: Instant): ConnectionEffect[];
  /** Ends it for good. `code` 0: on the app's behalf. */
  stop(reason: CloseReason): ConnectionEffect[];
  token(request: number, token: string, at: Instant): ConnectionEffect[];
  /** @param outcome `final`: asking again is pointless. */
  tokenFailed(request: number, advice: string, outcome: "retry" | "final", at: Instant): ConnectionEffect[];
  opened(socket: number, at: Instant): ConnectionEffect[];
  heard(at: Instant): void;
  loginOk(loginOk: LoginOk, at: Instant): ConnectionEffect[];
  goaway(goaway: Goaway, at: Instant): ConnectionEffect[];
  error(error: ErrorFrame): void;
  closed(socket: number, code: number, at: Instant): ConnectionEffect[];
  /** Gives the socket up and tries again after a pause. */
  abandon(reason: CloseReason, at: Instant): ConnectionEffect[];
  /** The server has proven to work. */
  proven(): void;
  tick(at: Instant): ConnectionEffect[];
  deadlineMs(): number | undefined;
}

export type LoginFacts = Readonly<{
  deviceId: string;
  platform: string;
  clientVersion: string;
  storeId: string;
  compressions: Compression[];
}>;

const tokenMaxMs = 30_000;
const connectMaxMs = 10_000;
const greetingMaxMs = 15_000;
/** How long before its expiry a token is replaced; sooner only if it lives shorter than four times that. */
const refreshMarginMs = 60_000;
/** How long a token refresh waits after one that failed or brought nothing new. */
const refreshPauseMs = 5_000;
/** Silence for so many heartbeat intervals means that the connection is dead. */
const silenceIntervals = 2.5;

const never = Number.POSITIVE_INFINITY;

export function createConnection(facts: () => LoginFacts, random: () => number): Connection {
  return new DeviceConnection(facts, random);
}

class DeviceConnection implements Connection {
  #current: ConnectionState = { state: "idle" };
  #socket = 0;
  #request = 0;
  #address: string | undefined;
  #token = "";
  #lastError: ErrorFrame | undefined;
  #isReplaced = false;
  /** When the present step of the way to `ready` has taken too long. */
  #patienceEndsAtMs = never;
  #heartbeatIntervalMs = 0;
  #heartbeatAtMs = never;
  #lastHeardMs = 0;
  #refreshAtMs = never;
  readonly #backoff: Backoff;
  readonly #facts: () => LoginFacts;
  readonly #random: () => number;

  constructor(facts: () => LoginFacts, random: () => number) {
    this.#facts = facts;
    this.#random = random;
    this.#backoff = createBackoff(random);
  }

  get current(): ConnectionState {
    return this.#current;
  }

  get socket(): number {
    return this.#socket;
  }

  isOpen(socket: number): boolean {
    const { state } = this.#current;
    return socket === this.#socket && (state === "ready" || state === "draining");
  }

  start(at: Instant): ConnectionEffect[] {
    const { state } = this.#current;
    return state === "idle" || state === "closed" ? this.#authorize(at) : [];
  }

  stop(reason: CloseReason): ConnectionEffect[] {
    return this.#current.state === "closed" ? [] : [...this.#hangUp(1000), ...this.#end(reason)];
  }

  token(request: number, token: string, at: Instant): ConnectionEffect[] {
    if (request !== this.#request) return [];
    if (this.#current.state === "authorizing") return this.#connect(token, at);
    if (this.#current.state !== "ready") return [];
    // The server takes only a later token, and closes on any other.
    if (token === this.#token) this.#refreshAtMs = at.monotonicMs + refreshPauseMs;
    if (token === this.#token) return [];
    this.#token = token;
    return [this.#login()];
  }

  tokenFailed(request: number, advice: string, outcome: "retry" | "final", at: Instant): ConnectionEffect[] {
    if (request !== this.#request) return [];
    if (this.#current.state === "ready") this.#refreshAtMs = at.monotonicMs + refreshPauseMs;
    if (this.#current.state !== "authorizing") return [];
    const reason = { code: 0, advice };
    return outcome === "final" ? this.#end(reason) : this.#retry(reason, at);
  }

  opened(socket: number, at: Instant): ConnectionEffect[] {
    if (socket !== this.#socket || this.#current.state !== "connecting") return [];
    this.#patienceEndsAtMs = at.monotonicMs + greetingMaxMs;
    return [...this.#become({ state: "greeting" }), this.#login()];
  }

  heard(at: Instant): void {
    this.#lastHeardMs = at.monotonicMs;
  }

  loginOk(loginOk: LoginOk, at: Instant): ConnectionEffect[] {
    const { state } = this.#current;
    if (state === "greeting" || state === "ready") this.#armRefresh(loginOk, at);
    if (state !== "greeting") return [];
    this.#patienceEndsAtMs = never;
    this.#heartbeatIntervalMs = loginOk.heartbeatIntervalMs || 30_000;
    this.#heartbeatAtMs = at.monotonicMs + this.#heartbeatIntervalMs * this.#random();
    const { userId, device, sessionId } = loginOk;
    return this.#become({ state: "ready", userId, device, sessionId });
  }

  goaway(goaway: Goaway, at: Instant): ConnectionEffect[] {
    this.#isReplaced = goaway.reason === GoawayReason.REPLACED;
    this.#address = goaway.address || undefined;
    this.#backoff.reset();
    const reconnectAtMs = at.monotonicMs + goaway.reconnectAfterMs;
    this.#refreshAtMs = never;
    this.#heartbeatAtMs = never;
    this.#patienceEndsAtMs = reconnectAtMs + connectMaxMs;
    return this.#become({ state: "draining", reconnectAtMs });
  }

  error(error: ErrorFrame): void {
    if (error.closing) this.#lastError = error;
  }

  closed(socket: number, code: number, at: Instant): ConnectionEffect[] {
    if (socket !== this.#socket || !hasSocket(this.#current)) return [];
    if (this.#isReplaced) return this.#end(closeReason(CloseCode.REPLACED, undefined));
    const reason = closeReason(code, this.#lastError);
    if (!reconnectsAfter(code)) return this.#end(reason);
    if (this.#current.state !== "draining") return this.#retry(reason, at);
    return this.#wait(reason, Math.max(this.#current.reconnectAtMs, at.monotonicMs));
  }

  abandon(reason: CloseReason, at: Instant): ConnectionEffect[] {
    return [...this.#hangUp(reason.code || 4000), ...this.#retry(reason, at)];
  }

  proven(): void {
    this.#backoff.reset();
  }

  tick(at: Instant): ConnectionEffect[] {
    const { state } = this.#current;
    if (this.#current.state === "waiting") {
      return at.monotonicMs >= this.#current.reconnectAtMs ? this.#authorize(at) : [];
    }
    if (state === "ready") return this.#tickReady(at);
    if (at.monotonicMs < this.#patienceEndsAtMs) return [];
    if (this.#isReplaced) return this.stop(closeReason(CloseCode.REPLACED, undefined));
    return this.abandon({ code: 0, advice: `The server took too long (${state}).` }, at);
  }

  deadlineMs(): number | undefined {
    const waitingMs = this.#current.state === "waiting" ? this.#current.reconnectAtMs : never;
    const timersMs = [this.#patienceEndsAtMs, this.#heartbeatAtMs, this.#refreshAtMs, this.#silenceAtMs(), waitingMs];
    const earliest = Math.min(...timersMs);
    return Number.isFinite(earliest) ? earliest : undefined;
  }

  #silenceAtMs(): number {
    if (this.#current.state !== "ready") return never;
    return this.#lastHeardMs + this.#heartbeatIntervalMs * silenceIntervals;
  }

  #become(next: ConnectionState): ConnectionEffect[] {
    this.#current = next;
    return [{ kind: "changed", connection: next }];
  }

  #disarm(): void {
    this.#patienceEndsAtMs = never;
    this.#heartbeatAtMs = never;
    this.#refreshAtMs = never;
    this.#lastError = undefined;
    this.#isReplaced = false;
  }

  #authorize(at: Instant): ConnectionEffect[] {
    this.#disarm();
    this.#request += 1;
    this.#patienceEndsAtMs = at.monotonicMs + tokenMaxMs;
    return [...this.#become({ state: "authorizing" }), { kind: "fetch-token", request: this.#request }];
  }

  #connect(token: string, at: Instant): ConnectionEffect[] {
    this.#token = token;
    this.#socket += 1;
    this.#patienceEndsAtMs = at.monotonicMs + connectMaxMs;
    const address = this.#address;
    this.#address = undefined; // Another gateway is tried once; then again the configured place.
    return [...this.#become({ state: "connecting" }), { kind: "connect", socket: this.#socket, address }];
  }

  #login(): ConnectionEffect {
    const login = create(LoginSchema, { token: this.#token, ...this.#facts() });
    return { kind: "say", frame: { case: "login", value: login } };
  }

  #wait(reason: CloseReason, reconnectAtMs: number): ConnectionEffect[] {
    this.#disarm();
    this.#socket += 1; // What the old socket still reports belongs to nobody.
    return this.#become({ state: "waiting", reconnectAtMs, reason });
  }

  #end(reason: CloseReason): ConnectionEffect[] {
    this.#disarm();
    this.#socket += 1;
    return this.#become({ state: "closed", reason });
  }

  #hangUp(code: number): ConnectionEffect[] {
    return hasSocket(this.#current) ? [{ kind: "disconnect", socket: this.#socket, code }] : [];
  }

  #retry(reason: CloseReason, at: Instant): ConnectionEffect[] {
    return this.#wait(reason, at.monotonicMs + this.#backoff.nextMs());
  }

  #armRefresh(loginOk: LoginOk, at: Instant): void {
    const lifeMs = Number(loginOk.tokenExpiresAtMs - loginOk.serverTimeMs);
    const marginMs = Math.min(refreshMarginMs, lifeMs / 4) * (0.75 + this.#random() / 4);
    this.#refreshAtMs = loginOk.tokenExpiresAtMs === 0n ? never : at.monotonicMs + lifeMs - marginMs;
  }

  #tickReady(at: Instant): ConnectionEffect[] {
    const nowMs = at.monotonicMs;
    if (nowMs >= this.#silenceAtMs()) {
      return this.abandon({ code: CloseCode.HEARTBEAT_TIMEOUT, advice: "The server has fallen silent." }, at);
    }
    const effects: ConnectionEffect[] = [];
    if (nowMs >= this.#refreshAtMs) {
      this.#request += 1;
      this.#refreshAtMs = never;
      effects.push({ kind: "fetch-token", request: this.#request });
    }
    if (nowMs >= this.#heartbeatAtMs) {
      this.#heartbeatAtMs = nowMs + this.#heartbeatIntervalMs;
      const clientTimeMs = BigInt(Math.round(at.wallMs));
      effects.push({ kind: "say", frame: { case: "heartbeat", value: create(HeartbeatSchema, { clientTimeMs }) } });
    }
    return effects;
  }
}

function hasSocket({ state }: ConnectionState): boolean {
  return state === "connecting" || state === "greeting" || state === "ready" || state === "draining";
}

/** Says why a socket was closed: by the server's own words if it sent any, else by its close code. */
function closeReason(code: number, error: ErrorFrame | undefined): CloseReason {
  const known = (closeMeanings as Readonly<Record<number, CloseMeaning>>)[code];
  const advice = error?.advice || known?.advice || "The connection was lost, or could not be made.";
  return { code, advice };
}
