import { CloseCode, ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { Compression, type Login } from "../../gen/ts/tidewire/v1/frame_pb.js";
import { fullBucket } from "../../runtime/gcra.js";
import { createUplink } from "../uplink/uplink.js";
import { closeFor, closeWith, send } from "./ending.js";
import type {
  Attaching,
  Greeting,
  Now,
  Opening,
  Ready,
  Session,
  SessionEffect,
  SessionEvent,
  SessionRules,
  Step,
} from "./state.js";

export function stepGreeting(session: Greeting, event: SessionEvent, now: Now): Step {
  switch (event.kind) {
    case "login":
      return open(session, event.login);
    case "tick":
      return checkLoginDeadline(session, now);
    case "drain":
      return closeWith(CloseCode.GOING_AWAY);
    default:
      return refuseEarlyFrame(session, event);
  }
}

export function stepLoggingIn(session: Opening | Attaching, event: SessionEvent, now: Now, rules: SessionRules): Step {
  switch (event.kind) {
    case "opened": {
      const { identity, lastClientId } = event;
      const { deadlineMs, compression } = session;
      return [{ state: "attaching", deadlineMs, compression, identity, lastClientId }, [{ kind: "attach", identity }]];
    }
    case "open-failed":
      return closeFor(event.problem);
    case "attached":
      return session.state === "attaching" ? greet(session, now, rules) : [session, []];
    case "tick":
      return checkLoginDeadline(session, now);
    case "drain":
      return closeWith(CloseCode.GOING_AWAY);
    default:
      return refuseEarlyFrame(session, event);
  }
}

/** A `login` on a ready connection: a later token of the same user and device, or the end. */
export function startRenewal(session: Ready, login: Login): Step {
  if (login.deviceId !== session.identity.deviceId)
    return refuseOtherLogin("this connection belongs to another device");
  if (session.renewing) return [session, []];
  const renewing: Ready = { ...session, renewing: true, compression: chooseCompression(login) };
  return [renewing, [{ kind: "renew", token: login.token }]];
}

export function finishRenewal(
  session: Ready,
  renewed: { userId: bigint; tokenExpiresAtMs: number },
  now: Now,
  rules: SessionRules,
): Step {
  if (renewed.userId !== session.identity.userId) return refuseOtherLogin("this connection belongs to another user");
  if (renewed.tokenExpiresAtMs <= session.identity.tokenExpiresAtMs)
    return refuseOtherLogin("the token expires no later");
  const identity = { ...session.identity, tokenExpiresAtMs: renewed.tokenExpiresAtMs };
  const ready: Ready = { ...session, identity, renewing: false };
  return [ready, [loginOk(ready, now, rules)]];
}

function open(session: Greeting, login: Login): Step {
  if (login.deviceId === "") {
    return closeFor({ code: ErrorCode.MALFORMED, detail: "login.device_id is empty" });
  }
  const { deadlineMs } = session;
  return [{ state: "opening", deadlineMs, compression: chooseCompression(login) }, [{ kind: "open", login }]];
}

/** One number is kept of what a device offers, for every idle session keeps it. */
function chooseCompression({ compressions }: Login): Compression {
  return compressions.includes(Compression.DEFLATE) ? Compression.DEFLATE : Compression.UNSPECIFIED;
}

function greet(session: Attaching, now: Now, rules: SessionRules): Step {
  const ready: Ready = {
    state: "ready",
    identity: session.identity,
    uplink: createUplink(session.lastClientId),
    silentAtMs: now.monotonicMs + 2.5 * rules.heartbeatIntervalMs,
    renewing: false,
    compression: session.compression,
    syncRate: fullBucket,
    readsUnderWay: 0,
    look: { kind: "waiting-for-first" },
    pointing: false,
  };
  return [ready, [loginOk(ready, now, rules)]];
}

function loginOk({ identity, uplink }: Ready, now: Now, rules: SessionRules): SessionEffect {
  return send({
    case: "loginOk",
    value: {
      userId: identity.userId,
      sessionId: identity.sessionId,
      device: identity.device,
      epoch: identity.epoch,
      lastClientId: uplink.committed,
      storeId: identity.storeId,
      heartbeatIntervalMs: rules.heartbeatIntervalMs,
      ackDelayMs: rules.ackDelayMs,
      limits: rules.limits,
      serverTimeMs: BigInt(now.wallMs),
      tokenExpiresAtMs: BigInt(identity.tokenExpiresAtMs),
    },
  });
}

function checkLoginDeadline(session: Greeting | Opening | Attaching, now: Now): Step {
  if (now.monotonicMs < session.deadlineMs) return [session, []];
  return closeFor({ code: ErrorCode.LOGIN_REQUIRED, detail: "no login in time" }, CloseCode.LOGIN_TIMEOUT);
}

/** One unauthenticated frame is all that a connection gets. */
function refuseEarlyFrame(session: Session, event: SessionEvent): Step {
  switch (event.kind) {
    case "login":
    case "heartbeat":
    case "up-msg":
    case "ack":
    case "sync":
    case "heads":
    case "read-mark":
    case "signal":
    case "logout": {
      const detail = `${event.kind} came before login was answered`;
      return closeFor({ code: ErrorCode.LOGIN_REQUIRED, detail }, CloseCode.LOGIN_REQUIRED);
    }
    default:
      return [session, []];
  }
}

function refuseOtherLogin(detail: string): Step {
  return closeFor({ code: ErrorCode.LOGIN_MISMATCH, detail }, CloseCode.LOGIN_MISMATCH);
}
