import { CloseCode, ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { errorMeanings } from "../../gen/ts/tidewire/v1/errors.js";
import { GoawayReason } from "../../gen/ts/tidewire/v1/frame_pb.js";
import type { Problem, Reply, SessionEffect, Step } from "./state.js";

/** Ends the session without a word: the close code says it all. */
export function closeWith(code: CloseCode): Step {
  return [{ state: "closed" }, [{ kind: "close", code }]];
}

/** Ends the session with an `error` frame that says what went wrong. */
export function closeFor(problem: Problem, code: CloseCode = closeCodeFor(problem.code)): Step {
  return [{ state: "closed" }, [errorFrame(problem, "closing"), { kind: "close", code }]];
}

/** Ends a session whose device has opened a newer one. */
export function closeReplaced(): Step {
  return [
    { state: "closed" },
    [send({ case: "goaway", value: { reason: GoawayReason.REPLACED } }), { kind: "close", code: CloseCode.REPLACED }],
  ];
}

export function errorFrame(problem: Problem, then: "closing" | "staying"): SessionEffect {
  const { code, detail, retryAfterMs = 0 } = problem;
  const advice = `${detail}. ${errorMeanings[code].advice}`.slice(0, ADVICE_MAX_CHARS);
  return send({ case: "error", value: { code, advice, closing: then === "closing", retryAfterMs } });
}

export function send(frame: Reply): SessionEffect {
  return { kind: "send", frame };
}

/** `Error.advice` has at most 200 bytes; what is said here is ASCII. */
const ADVICE_MAX_CHARS = 200;

/** The range of the code tells the device whether to come back (CloseCode in the contract). */
function closeCodeFor(code: ErrorCode): CloseCode {
  switch (code) {
    case ErrorCode.UNAVAILABLE:
    case ErrorCode.INTERNAL:
      return CloseCode.UNAVAILABLE;
    case ErrorCode.BUSY:
    case ErrorCode.RATE_LIMITED:
      return CloseCode.BUSY;
    case ErrorCode.TOKEN_EXPIRED:
      return CloseCode.TOKEN_EXPIRED;
    case ErrorCode.UNAUTHENTICATED:
      return CloseCode.UNAUTHENTICATED;
    case ErrorCode.FORBIDDEN:
    case ErrorCode.TOO_MANY_DEVICES:
      return CloseCode.FORBIDDEN;
    default:
      return CloseCode.PROTOCOL_ERROR;
  }
}
