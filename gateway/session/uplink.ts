import { CloseCode, ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { type Limits, NackReason, type UpAck } from "../../gen/ts/tidewire/v1/frame_pb.js";
import { type Outcome, Rejection } from "../../gen/ts/tidewire/v1/message_pb.js";
import { unreachable } from "../../runtime/error.js";
import { take } from "../../runtime/gcra.js";
import { accept, classify, fallBack, hasFallenBack, type Nack, report, settle } from "../uplink/uplink.js";
import { closeFor, closeReplaced, closeWith, send } from "./ending.js";
import type { DeviceEvent, Draining, Now, Ready, SessionEffect, SettledSubmission, Step } from "./state.js";

type UpMsgEvent = DeviceEvent & { kind: "up-msg" };

/** How long a device waits when its lane is full, in milliseconds. */
const LANE_FULL_RETRY_MS = 500;

/** Takes an `up_msg`, repeats its outcome, or says why it cannot be taken. */
export function receiveUpMsg(session: Ready, event: UpMsgEvent, now: Now, limits: Limits): Step {
  const { clientId, upMsg } = event;
  const arrival = classify(session.uplink, clientId, upMsg.length, limits);
  switch (arrival.kind) {
    case "silence":
      return [session, []];
    case "nack":
      return nacked(session, arrival.nack);
    case "settled":
    case "next":
      return submit(session, event, arrival.kind, now, limits);
    default:
      return unreachable(arrival);
  }
}

/** Looking up an old outcome costs the store as much as a new message, so both are charged to the user's rate. */
function submit(session: Ready, event: UpMsgEvent, kind: "settled" | "next", now: Now, limits: Limits): Step {
  const { clientId, upMsg } = event;
  const refuse = (reason: "busy" | "rate", retryAfterMs: number): Step =>
    kind === "next" ? nacked(session, { expected: clientId, reason, retryAfterMs }) : [session, []];
  if (event.lane === "full") return refuse("busy", LANE_FULL_RETRY_MS);
  const [rate, verdict] = take(event.rate, messageRate(limits), now.monotonicMs);
  if (verdict.kind === "limited") return refuse("rate", verdict.retryAfterMs);
  const uplink = kind === "next" ? accept(session.uplink, upMsg.length) : session.uplink;
  return [
    { ...session, uplink },
    [
      { kind: "charge", rate },
      { kind: "submit", clientId, upMsg },
    ],
  ];
}

/** Tells the device what became of its messages. */
export function settleOutcomes<S extends Ready | Draining>(session: S, settled: readonly SettledSubmission[]): Step {
  let { uplink } = session;
  const effects: SessionEffect[] = [];
  for (const { clientId, outcome, told } of settled) {
    const ack = toUpAckOutcome(outcome);
    if (ack) {
      uplink = settle(uplink, clientId);
      if (told === "not-yet") effects.push(send({ case: "upAck", value: { clientId, outcome: ack } }));
      continue;
    }
    switch (outcome.result.value) {
      case Rejection.FENCED: {
        const [closed, goodbye] = closeReplaced();
        return [closed, [...effects, ...goodbye]];
      }
      case Rejection.CONFLICT:
        if (clientId > uplink.committed) uplink = fallBack(uplink); // it is not in flight any more
        effects.push(toUpNack({ expected: clientId, reason: "conflict", retryAfterMs: 0 }));
        break;
      default: // a gap
        if (clientId <= uplink.committed + 1n) return closeForRestoredStore(effects);
        if (hasFallenBack(uplink)) break; // reported already: the rest of the batch lies behind the same gap
        uplink = fallBack(uplink);
        effects.push(toUpNack({ expected: uplink.committed + 1n, reason: "hole", retryAfterMs: 0 }));
    }
  }
  return [{ ...session, uplink }, effects];
}

/**
 * The store knows less of this device than it has told before: it was restored from a backup. No retransmission cures
 * that; a new login learns what it knows now.
 */
function closeForRestoredStore(before: readonly SessionEffect[]): Step {
  const [closed, goodbye] = closeWith(CloseCode.UNAVAILABLE);
  return [closed, [...before, ...goodbye]];
}

/**
 * Nobody knows what was stored of what the lane has dropped. If it was, the device may have settled it by its own push
 * and never sends it again, while this session would wait for it for ever. A new login learns the truth.
 */
export function closeForUnknownOutcome(): Step {
  const detail = "the store did not answer in time; what is in flight has to be sent again";
  return closeFor({ code: ErrorCode.UNAVAILABLE, detail });
}

function toUpAckOutcome({ result }: Outcome): UpAck["outcome"] | undefined {
  switch (result.case) {
    case "stored":
    case "refused":
      return result;
    case "rejected":
      return undefined;
    case undefined:
      return { case: "refused", value: ErrorCode.INTERNAL };
    default:
      return unreachable(result);
  }
}

function nacked(session: Ready, nack: Nack): Step {
  return [{ ...session, uplink: report(session.uplink, nack) }, [toUpNack(nack)]];
}

function toUpNack({ expected, reason, retryAfterMs }: Nack): SessionEffect {
  return send({ case: "upNack", value: { expected, reason: nackReasons[reason], retryAfterMs } });
}

const nackReasons: Record<Nack["reason"], NackReason> = {
  hole: NackReason.HOLE,
  rate: NackReason.RATE,
  busy: NackReason.BUSY,
  conflict: NackReason.CONFLICT,
};

function messageRate(limits: Limits) {
  return { burst: limits.messageBurst, refillMs: 1000 / limits.messageRatePerSecond };
}
