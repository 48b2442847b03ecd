import type { Metrics } from "../../runtime/metrics.js";
import { concat } from "../frames/frames.js";
import type { Hub } from "../hub/hub.js";
import type { LocalSession } from "../hub/local-session.js";
import type { Timers } from "../timers/timers.js";
import type { ActiveConversation } from "./active-conversations.js";
import { beginRound, overdueAtMs } from "./flow.js";
import type { Behind } from "./subscribers.js";

/** Looks after those who do not acknowledge. */
export interface Retransmission {
  /** Something has gone out in this conversation: looks for those who have not acknowledged it, once that is due. */
  watch(conversation: ActiveConversation): void;
}

export type RetransmissionOptions = Readonly<{
  hub: Pick<Hub, "isPaused">;
  timers: Timers;
  monotonicMs: () => number;
  /** Everybody has acknowledged what came up to `seq`. */
  acknowledged: (conversation: ActiveConversation, seq: bigint) => void;
  metrics: Pick<Metrics, "retransmissions">;
}>;

/** The floor of all retransmission timeouts: before that, there is nothing to see. */
const LOOK_MS = 1_000;
/** More than this is not sent again but left to the device to pull, in bytes. */
const RESEND_MAX_BYTES = 64 * 1024;

export function createRetransmission(options: RetransmissionOptions): Retransmission {
  const { hub, timers, monotonicMs, acknowledged, metrics } = options;

  /** One look at all subscribers: each is left alone, sent what it lacks, told to pull, or given up. */
  function look(conversation: ActiveConversation) {
    conversation.look = undefined;
    const nowMs = monotonicMs();
    let nextMs = Number.POSITIVE_INFINITY;
    let lackedSeq = conversation.log.headSeq + 1n;
    const exhausted: LocalSession[] = [];
    for (const behind of conversation.subscribers.behind(conversation.log.headSeq)) {
      const { session, firstSeq } = behind;
      if (firstSeq < lackedSeq) lackedSeq = firstSeq;
      const dueMs = overdueAtMs(session.flow, sentByMs(conversation, firstSeq), nowMs);
      if (dueMs <= nowMs && !resend(conversation, behind, nowMs)) exhausted.push(session);
      nextMs = Math.min(nextMs, dueMs > nowMs ? dueMs : Math.max(session.flow.quietUntilMs, nowMs + LOOK_MS));
    }
    acknowledged(conversation, lackedSeq - 1n);
    if (Number.isFinite(nextMs)) planLook(conversation, nextMs);
    for (const session of exhausted) session.dispatch({ kind: "unresponsive" });
  }

  function sentByMs({ ring, sendTimes }: ActiveConversation, seq: bigint): number {
    return ring.sentAtMs(seq) ?? sendTimes.sentByMs(seq) ?? 0;
  }

  /** The earliest look counts: a device that is left alone for long must not put off what others lack. */
  function planLook(conversation: ActiveConversation, atMs: number) {
    if (conversation.look && conversation.look.atMs <= atMs) return;
    conversation.look?.timer[Symbol.dispose]();
    conversation.look = { atMs, timer: timers.at(atMs, () => look(conversation)) };
  }

  /** False if the device has let too many rounds pass. */
  function resend(
    conversation: ActiveConversation,
    { session, firstSeq, lastSeq }: Behind<LocalSession>,
    nowMs: number,
  ) {
    const [flow, verdict] = beginRound(session.flow, nowMs);
    session.flow = flow;
    if (verdict === "exhausted") return false;
    if (hub.isPaused(session)) return true; // it cannot take more; the round counts all the same
    const frames = conversation.ring.range(firstSeq, lastSeq);
    const bytes = frames?.reduce((sum, frame) => sum + frame.length, 0) ?? 0;
    if (frames && bytes <= RESEND_MAX_BYTES) {
      metrics.retransmissions.inc({ by: "frames" });
      session.send(concat(frames));
    } else {
      metrics.retransmissions.inc({ by: "heads" });
      session.dispatch({ kind: "behind", conversationIds: [conversation.id] });
    }
    return true;
  }

  return {
    watch(conversation) {
      if (conversation.subscribers.size > 0) planLook(conversation, monotonicMs() + LOOK_MS);
    },
  };
}
