import { closeMeanings } from "../gen/ts/tidewire/v1/close-codes.js";
import { CloseCode, ErrorCode } from "../gen/ts/tidewire/v1/error_pb.js";
import { NackReason } from "../gen/ts/tidewire/v1/frame_pb.js";
import { TidewireError, unreachable } from "../runtime/error.js";
import type { GatewayContext } from "./context.js";
import { DeviceSession } from "./device-session.js";
import { parseDeviceEvent } from "./frames/device-event.js";
import { concat, encodeFrame, encodeSyncPage, splitFrames } from "./frames/frames.js";
import { createReadMarks, type ReadMarks } from "./marks/read-marks.js";
import type { Socket, SocketHandler } from "./server/server.js";
import { deadlineMs } from "./session/deadline.js";
import type { AckedCursors, Identity, Reply, Session, SessionEffect, SessionEvent } from "./session/state.js";
import { createSession, step } from "./session/step.js";
import { attachSession, openSession, read, renewSession } from "./session-calls.js";
import { createWakeUp, type WakeUp } from "./timers/wake-up.js";

/** A socket with its session: the thin shell that feeds the pure core and performs what it decides. */
export interface Connection extends SocketHandler {
  dispatch(event: SessionEvent): void;
}

/** @param over is told when the connection is no more. */
export function createConnection(socket: Socket, context: GatewayContext, over: (connection: Connection) => void) {
  return new OpenConnection(socket, context, over);
}

/** A gateway has tens of thousands, so each is one object whose methods are shared: closures would take 1.7 KB more of each. */
class OpenConnection implements Connection {
  readonly #socket: Socket;
  readonly #context: GatewayContext;
  readonly #over: (connection: Connection) => void;
  readonly #wakeUp: WakeUp;
  #session: Session;
  #device: DeviceSession | undefined;
  #marks: ReadMarks | undefined;
  #outgoing: Uint8Array[] = nothing;

  constructor(socket: Socket, context: GatewayContext, over: (connection: Connection) => void) {
    const now = context.now();
    this.#socket = socket;
    this.#context = context;
    this.#over = over;
    this.#session = createSession(now, context.rules);
    this.#wakeUp = createWakeUp(context.timers, () => this.dispatch({ kind: "tick" }));
    this.#wakeUp.arm(deadlineMs(this.#session, now));
  }

  dispatch(event: SessionEvent) {
    const at = this.#context.now();
    const [next, effects] = step(this.#session, event, at, this.#context.rules);
    this.#session = next;
    for (const effect of effects) this.#perform(effect);
    this.#flush();
    this.#wakeUp.arm(deadlineMs(this.#session, at));
  }

  message(message: Uint8Array, kind: "binary" | "text") {
    if (kind === "text") return this.dispatch(violation(ErrorCode.TEXT_REFUSED, "a text message came"));
    try {
      this.#receive(message);
    } catch (error) {
      if (!(error instanceof TidewireError)) throw error;
      this.dispatch(violation(error.code, error.message));
    }
  }

  dropped() {
    this.#context.metrics.pushesDropped.inc();
    this.dispatch({ kind: "lagging" });
  }

  drained() {
    this.dispatch({ kind: "drained-socket" });
  }

  closed() {
    this.#session = { state: "closed" };
    this.#wakeUp[Symbol.dispose]();
    if (this.#device) this.#leave(this.#device);
    else this.#context.strangers.leave(this.#socket.remoteAddress);
    this.#over(this);
  }

  #receive(message: Uint8Array) {
    const { rules, rates, lanes, metrics } = this.#context;
    for (const frame of splitFrames(message, rules.frames)) {
      if (this.#session.state === "closed") return;
      const device = this.#device;
      const lane = (bytes: number) => (device && lanes.isFull(device, bytes) ? "full" : "open");
      const event = parseDeviceEvent(frame, { rate: rates.get(device?.userId), lane });
      metrics.framesReceived.inc({ kind: event.kind });
      this.dispatch(event);
    }
  }

  #perform(effect: SessionEffect): void {
    const context = this.#context;
    switch (effect.kind) {
      case "open":
        return this.#await(openSession(context, effect.login));
      case "attach":
        return this.#attach(effect.identity);
      case "renew":
        return this.#await(renewSession(context, effect.token));
      case "send":
        countSent(context.metrics, effect.frame);
        return this.#say(encodeFrame(effect.frame));
      case "send-page":
        context.metrics.framesSent.inc({ kind: "syncPage" });
        return this.#say(encodeSyncPage(effect.requestId, effect.page));
      case "charge":
        return context.rates.set(this.#identified().userId, effect.rate);
      case "submit":
        return context.lanes.submit({
          source: this.#identified(),
          clientId: effect.clientId,
          upMsg: effect.upMsg,
        });
      case "acknowledge":
        return this.#acknowledge(effect.cursors);
      case "read-sync":
      case "read-heads":
      case "look":
      case "read-pointers":
        return this.#await(read(context, this.#identified(), effect));
      case "pause-pushes":
        return context.hub.pause(this.#identified());
      case "resume-pushes":
        return context.hub.resume(this.#identified());
      case "mark-read":
        this.#marks ??= createReadMarks(context);
        return this.#marks.add(this.#identified().userId, effect.readMark);
      case "close":
        return this.#close(effect.code);
      default:
        return unreachable(effect);
    }
  }

  #await(answer: Promise<SessionEvent>) {
    void answer.then((event) => this.dispatch(event));
  }

  #say(frame: Uint8Array) {
    if (this.#outgoing === nothing) this.#outgoing = [frame];
    else this.#outgoing.push(frame);
  }

  /** What one event makes the session say leaves as one WebSocket message. */
  #flush() {
    const frames = this.#outgoing;
    this.#outgoing = nothing;
    const [first] = frames;
    if (first) this.#socket.send(frames.length === 1 ? first : concat(frames));
  }

  #close(code: CloseCode) {
    this.#flush();
    this.#context.metrics.closes.inc({ code: CloseCode[code] });
    this.#socket.close(code, closeReason(code));
  }

  #attach(identity: Identity) {
    const { metrics, strangers } = this.#context;
    this.#device = new DeviceSession(identity, this, this.#socket, this.#context);
    metrics.sessions.inc();
    strangers.leave(this.#socket.remoteAddress);
    this.#await(attachSession(this.#context, this.#device));
  }

  #identified(): DeviceSession {
    if (!this.#device) throw new Error("the session has no identity yet");
    return this.#device;
  }

  #acknowledge(cursors: AckedCursors) {
    const device = this.#identified();
    this.#context.downlink.acknowledge(device, cursors);
    this.#context.delivered.note(device.userId, cursors);
  }

  #leave(device: DeviceSession) {
    const { metrics, downlink, hub, log } = this.#context;
    metrics.sessions.dec();
    downlink.forget(device);
    hub.detach(device).catch((error: unknown) => {
      log.warn({ err: error }, "a route was not removed; its lease ends");
    });
  }
}

/** What all connections share that have nothing to say. */
const nothing: Uint8Array[] = [];

function countSent(metrics: GatewayContext["metrics"], frame: Reply) {
  metrics.framesSent.inc({ kind: frame.case });
  if (frame.case === "upNack") metrics.nacks.inc({ reason: NackReason[frame.value.reason ?? NackReason.UNSPECIFIED] });
}

function violation(code: ErrorCode, detail: string): SessionEvent {
  return { kind: "violation", problem: { code, detail } };
}

function closeReason(code: CloseCode): string {
  return code === CloseCode.UNSPECIFIED ? "" : closeMeanings[code].advice;
}
