import { unreachable } from "../../runtime/error.js";
import type { Now, Session } from "./state.js";

/** When a session wants its next `tick`, in monotonic milliseconds; undefined: only when something happens. */
export function deadlineMs(session: Session, now: Now): number | undefined {
  switch (session.state) {
    case "greeting":
    case "opening":
    case "attaching":
      return session.deadlineMs;
    case "ready": {
      const expiresAtMs = now.monotonicMs + (session.identity.tokenExpiresAtMs - now.wallMs);
      const lookAtMs = session.look.kind === "due" ? session.look.atMs : Number.POSITIVE_INFINITY;
      return Math.min(session.silentAtMs, expiresAtMs, lookAtMs);
    }
    case "draining":
    case "closed":
      return undefined;
    default:
      return unreachable(session);
  }
}
