import { CloseCode, ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { GoawayReason, type Heartbeat } from "../../gen/ts/tidewire/v1/frame_pb.js";
import { closeFor, closeWith, errorFrame, send } from "./ending.js";
import { finishRenewal, startRenewal } from "./login.js";
import {
  answerHeads,
  answerPointers,
  answerSync,
  lookAgain,
  planLook,
  point,
  receiveHeads,
  receiveSync,
} from "./reads.js";
import type { AckedCursors, Now, Ready, SessionEvent, SessionRules, Step } from "./state.js";
import { closeForUnknownOutcome, receiveUpMsg, settleOutcomes } from "./uplink.js";

export function stepReady(session: Ready, event: SessionEvent, now: Now, rules: SessionRules): Step {
  switch (event.kind) {
    case "login":
      return startRenewal(heard(session, now, rules), event.login);
    case "heartbeat":
      return answerHeartbeat(heard(session, now, rules), event.heartbeat, now);
    case "up-msg":
      return receiveUpMsg(heard(session, now, rules), event, now, rules.limits);
    case "ack":
      return receiveAck(heard(session, now, rules), event.cursors, rules);
    case "sync":
      return receiveSync(heard(session, now, rules), event.sync, now, rules.limits);
    case "heads":
      return receiveHeads(heard(session, now, rules), event.heads);
    case "read-mark":
      return [heard(session, now, rules), [{ kind: "mark-read", readMark: event.readMark }]];
    case "signal":
      return [heard(session, now, rules), [errorFrame(SIGNALS_UNSUPPORTED, "staying")]];
    case "logout":
      return closeWith(CloseCode.LOGGED_OUT);
    case "renewed":
      return finishRenewal(session, event, now, rules);
    case "renew-failed":
      return closeFor(event.problem);
    case "outcomes":
      return settleOutcomes(session, event.outcomes);
    case "lane-gave-up":
      return closeForUnknownOutcome();
    case "sync-page":
      return answerSync(session, event.requestId, event.page);
    case "heads-page":
      return answerHeads(session, event.page, now);
    case "pointers":
      return answerPointers(session, event.page);
    case "tick":
      return checkDeadlines(session, now);
    case "lagging":
      return [session, [{ kind: "pause-pushes" }]];
    case "drained-socket":
      return [planLook(session, now.monotonicMs), [{ kind: "resume-pushes" }]];
    case "behind":
      return point(session, event.conversationIds);
    case "unresponsive":
      return closeWith(CloseCode.SLOW_CONSUMER);
    case "entries-lost":
      return [planLook(session, event.lookAtMs), []];
    case "drain":
      return drain(session, event.reconnectAfterMs);
    default:
      return [session, []];
  }
}

/** How much later than need be a silent device is given up at most, in milliseconds. */
const HEARD_MS = 1_000;

const SIGNALS_UNSUPPORTED = { code: ErrorCode.UNSUPPORTED, detail: "signals are not offered" };

function receiveAck(session: Ready, cursors: AckedCursors, { limits }: SessionRules): Step {
  if (cursors.length <= limits.ackMax) return [session, [{ kind: "acknowledge", cursors }]];
  return closeFor({ code: ErrorCode.MALFORMED, detail: `an ack may name ${limits.ackMax} conversations` });
}

/** Writes down that the device was heard, at most once in a second: that costs more than most frames do. */
function heard(session: Ready, now: Now, rules: SessionRules): Ready {
  const silentAtMs = now.monotonicMs + 2.5 * rules.heartbeatIntervalMs;
  return silentAtMs <= session.silentAtMs ? session : { ...session, silentAtMs: silentAtMs + HEARD_MS };
}

function answerHeartbeat(session: Ready, { clientTimeMs }: Heartbeat, now: Now): Step {
  return [session, [send({ case: "heartbeatOk", value: { clientTimeMs, serverTimeMs: BigInt(now.wallMs) } })]];
}

function checkDeadlines(session: Ready, now: Now): Step {
  if (now.wallMs >= session.identity.tokenExpiresAtMs) {
    return closeFor({ code: ErrorCode.TOKEN_EXPIRED, detail: "the token of this session has expired" });
  }
  if (now.monotonicMs >= session.silentAtMs) return closeWith(CloseCode.HEARTBEAT_TIMEOUT);
  return lookAgain(session, now);
}

function drain({ identity, uplink }: Ready, reconnectAfterMs: number): Step {
  const goaway = send({ case: "goaway", value: { reason: GoawayReason.DRAINING, reconnectAfterMs } });
  return [{ state: "draining", identity, uplink }, [goaway]];
}
