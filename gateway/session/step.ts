import { CloseCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { unreachable } from "../../runtime/error.js";
import { closeFor, closeReplaced, closeWith } from "./ending.js";
import { stepGreeting, stepLoggingIn } from "./login.js";
import { stepReady } from "./ready.js";
import type { Now, Session, SessionEvent, SessionRules, Step } from "./state.js";
import { settleOutcomes } from "./uplink.js";

export function createSession(now: Now, rules: SessionRules): Session {
  return { state: "greeting", deadlineMs: now.monotonicMs + rules.loginTimeoutMs };
}

/** Decides what an event does to a session. Pure: the shell performs the effects, in order. */
export function step(session: Session, event: SessionEvent, now: Now, rules: SessionRules): Step {
  if (session.state === "closed") return [session, []];
  if (event.kind === "violation") return closeFor(event.problem, CloseCode.PROTOCOL_ERROR);
  if (event.kind === "fence" && "identity" in session) {
    return event.epoch > session.identity.epoch ? closeReplaced() : [session, []];
  }
  switch (session.state) {
    case "greeting":
      return stepGreeting(session, event, now);
    case "opening":
    case "attaching":
      return stepLoggingIn(session, event, now, rules);
    case "ready":
      return stepReady(session, event, now, rules);
    case "draining":
      return stepDraining(session, event);
    default:
      return unreachable(session);
  }
}

function stepDraining(session: Session & { state: "draining" }, event: SessionEvent): Step {
  switch (event.kind) {
    case "outcomes":
      return settleOutcomes(session, event.outcomes);
    case "ack":
      return [session, [{ kind: "acknowledge", cursors: event.cursors }]];
    case "drained":
      return closeWith(CloseCode.GOING_AWAY);
    case "lagging":
    case "unresponsive":
      return closeWith(CloseCode.SLOW_CONSUMER);
    default:
      return [session, []]; // an up_msg is not taken any more; its device sends it again elsewhere
  }
}
