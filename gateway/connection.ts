import { closeMeanings } from "../gen/ts/tidewire/v1/close-codes.js";
import { CloseCode, ErrorCode } from "../gen/ts/tidewire/v1/error_pb.js";
import { NackReason } from "../gen/ts/tidewire/v1/frame_pb.js";
import type { Outcome } from "../gen/ts/tidewire/v1/message_pb.js";
import { TidewireError, unreachable } from "../runtime/error.js";
import type { GatewayContext } from "./context.js";
import { newFlow } from "./downlink/flow.js";
import { parseDeviceEvent } from "./frames/device-event.js";
import { concat, encodeFrame, encodeSyncPage, splitFrames } from "./frames/frames.js";
import type { LocalSession } from "./hub/local-session.js";
import { createReadMarks } from "./marks/read-marks.js";
import type { Socket, SocketHandler } from "./server/server.js";
import { deadlineMs } from "./session/deadline.js";
import type {
  AckedCursors,
  Identity,
  Reply,
  Session,
  SessionEffect,
  SessionEvent,
  SettledSubmission,
} from "./session/state.js";
import { createSession, step } from "./session/step.js";
import { attachSession, openSession, read, renewSession } from "./session-calls.js";
import { createWakeUp } from "./timers/wake-up.js";
import type { UplinkSource } from "./uplink/lanes.js";

/** A socket with its session: the thin shell that feeds the pure core and performs what it decides. */
export interface Connection extends SocketHandler {
  dispatch(event: SessionEvent): void;
}

export function createConnection(socket: Socket, context: GatewayContext): Connection {
  const { hub, downlink, delivered, timers, lanes, rules, metrics, now } = context;
  const marks = createReadMarks(context);
  let session: Session = createSession(now(), rules);
  let local: (LocalSession & UplinkSource) | undefined;
  let outgoing: Uint8Array[] = [];
  const wakeUp = createWakeUp(timers, () => dispatch({ kind: "tick" }));

  function dispatch(event: SessionEvent) {
    const at = now();
    const [next, effects] = step(session, event, at, rules);
    session = next;
    for (const effect of effects) perform(effect);
    flush();
    wakeUp.arm(deadlineMs(session, at));
  }

  /** What one event makes the session say leaves as one WebSocket message. */
  function flush() {
    const frames = outgoing;
    outgoing = [];
    const [first] = frames;
    if (first) socket.send(frames.length === 1 ? first : concat(frames));
  }

  function perform(effect: SessionEffect): void {
    switch (effect.kind) {
      case "open":
        return void openSession(context, effect.login).then(dispatch);
      case "attach":
        return attach(effect.identity);
      case "renew":
        return void renewSession(context, effect.token).then(dispatch);
      case "send":
        countSent(metrics, effect.frame);
        return void outgoing.push(encodeFrame(effect.frame));
      case "send-page":
        metrics.framesSent.inc({ kind: "syncPage" });
        return void outgoing.push(encodeSyncPage(effect.requestId, effect.page));
      case "charge":
        return context.rates.set(identity().userId, effect.rate);
      case "submit":
        return lanes.submit({ source: identified(), clientId: effect.clientId, upMsg: effect.upMsg });
      case "acknowledge":
        return acknowledge(effect.cursors);
      case "read-sync":
      case "read-heads":
      case "look":
      case "read-pointers":
        return void read(context, identified(), effect).then(dispatch);
      case "pause-pushes":
        return hub.pause(identified());
      case "resume-pushes":
        return hub.resume(identified());
      case "mark-read":
        return marks.add(identity().userId, effect.readMark);
      case "close":
        flush();
        metrics.closes.inc({ code: CloseCode[effect.code] });
        return socket.close(effect.code, closeReason(effect.code));
      default:
        return unreachable(effect);
    }
  }

  function acknowledge(cursors: AckedCursors) {
    const session = identified();
    downlink.acknowledge(session, cursors);
    delivered.note(session.userId, cursors);
  }

  function attach(identity: Identity) {
    local = createLocal(identity, socket, { dispatch, downlink, metrics });
    metrics.sessions.inc();
    context.strangers.leave(socket.remoteAddress);
    void attachSession(context, local).then(dispatch);
  }

  function identified(): LocalSession & UplinkSource {
    if (!local) throw new Error("the session has no identity yet");
    return local;
  }
  const identity = () => identified().identity;

  function receiveMessage(message: Uint8Array) {
    for (const frame of splitFrames(message, rules.frames)) {
      if (session.state === "closed") return;
      const rate = context.rates.get(local?.identity.userId);
      const lane = (bytes: number) => (local && lanes.isFull(local, bytes) ? "full" : "open");
      const event = parseDeviceEvent(frame, { rate, lane });
      metrics.framesReceived.inc({ kind: event.kind });
      dispatch(event);
    }
  }

  wakeUp.arm(deadlineMs(session, now()));
  return {
    dispatch,
    message(message, kind) {
      if (kind === "text") return dispatch(violation(ErrorCode.TEXT_REFUSED, "a text message came"));
      try {
        receiveMessage(message);
      } catch (error) {
        if (!(error instanceof TidewireError)) throw error;
        dispatch(violation(error.code, error.message));
      }
    },
    dropped() {
      metrics.pushesDropped.inc();
      dispatch({ kind: "lagging" });
    },
    drained: () => dispatch({ kind: "drained-socket" }),
    closed() {
      session = { state: "closed" };
      wakeUp[Symbol.dispose]();
      if (local) leave(local);
      else context.strangers.leave(socket.remoteAddress);
    },
  };

  function leave(session: LocalSession) {
    metrics.sessions.dec();
    downlink.forget(session);
    hub.detach(session).catch((error: unknown) => {
      context.log.warn({ err: error }, "a route was not removed; its lease ends");
    });
  }
}

type Ties = Pick<Connection, "dispatch"> & Pick<GatewayContext, "downlink" | "metrics">;

function createLocal(
  identity: Identity,
  socket: Socket,
  { dispatch, downlink, metrics }: Ties,
): LocalSession & UplinkSource {
  const { userId, device, epoch } = identity;
  const told = ({ result, duplicate }: Outcome): SettledSubmission["told"] => {
    if (result.case !== "stored" || duplicate) return "not-yet"; // who asks again has not heard it
    const { conversationId, seq } = result.value;
    if (!downlink.hasJustPushed(local, conversationId, seq)) return "not-yet";
    metrics.acksByPush.inc();
    return "by-push";
  };
  const local: LocalSession & UplinkSource = {
    identity,
    userId,
    device,
    epoch,
    flow: newFlow,
    pushed: new Set(),
    dispatch,
    send: socket.send,
    subscribe: socket.subscribe,
    unsubscribe: socket.unsubscribe,
    settled: (outcomes) =>
      dispatch({
        kind: "outcomes",
        outcomes: outcomes.map((settled) => ({ ...settled, told: told(settled.outcome) })),
      }),
    gaveUp: () => dispatch({ kind: "lane-gave-up" }),
  };
  return local;
}

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
