import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import type { Heads, HeadsPage, Limits, Sync } from "../../gen/ts/tidewire/v1/frame_pb.js";
import { unreachable } from "../../runtime/error.js";
import { take } from "../../runtime/gcra.js";
import { send } from "./ending.js";
import type { Look, Now, Ready, SessionEffect, Step } from "./state.js";

/** Reads that one connection may have under way at once. A well-behaved device has one. */
const READS_MAX = 8;

/** The longest that a service may publish along routes that it read before a session attached, in milliseconds. */
const ROUTE_CACHE_MAX_MS = 2_000;

export function receiveSync(session: Ready, sync: Sync, now: Now, limits: Limits): Step {
  const { requestId, conversationId } = sync;
  const refused = (error: ErrorCode): Step => [
    session,
    [send({ case: "syncPage", value: { requestId, conversationId, error } })],
  ];
  if (requestId === 0n) return refused(ErrorCode.INVALID_ARGUMENT);
  if (session.readsUnderWay >= READS_MAX) return refused(ErrorCode.BUSY);
  const rate = { burst: limits.syncRatePerSecond, refillMs: 1000 / limits.syncRatePerSecond };
  const [syncRate, verdict] = take(session.syncRate, rate, now.monotonicMs);
  if (verdict.kind === "limited") return refused(ErrorCode.RATE_LIMITED);
  const { compression } = session;
  return [
    { ...session, syncRate, readsUnderWay: session.readsUnderWay + 1 },
    [{ kind: "read-sync", sync, compression }],
  ];
}

export function receiveHeads(session: Ready, { requestId, since, limit }: Heads): Step {
  const refused = (error: ErrorCode): Step => [session, [send({ case: "headsPage", value: { requestId, error } })]];
  if (requestId === 0n) return refused(ErrorCode.INVALID_ARGUMENT);
  if (session.readsUnderWay >= READS_MAX) return refused(ErrorCode.BUSY);
  const reading: Ready = { ...session, readsUnderWay: session.readsUnderWay + 1 };
  return [reading, [{ kind: "read-heads", requestId, since, limit }]];
}

export function answerSync(session: Ready, requestId: bigint, page: Uint8Array): Step {
  return [{ ...session, readsUnderWay: session.readsUnderWay - 1 }, [{ kind: "send-page", requestId, page }]];
}

/** Answers a heads request, and plans a look after the device's first complete answer. */
export function answerHeads(session: Ready, page: HeadsPage, now: Now): Step {
  const read: Ready = { ...session, readsUnderWay: session.readsUnderWay - 1 };
  if (page.requestId === 0n) return finishLook(read, page, now);
  const frame = send({ case: "headsPage", value: page });
  const isComplete = !page.hasMore && page.error === ErrorCode.UNSPECIFIED;
  return [isComplete ? { ...read, look: afterAnswer(session.look, page.watermark, now) } : read, [frame]];
}

/** Looks on the gateway's own account, once that is due. */
export function lookAgain(session: Ready, now: Now): Step {
  const { look } = session;
  if (look.kind !== "due" || now.monotonicMs < look.atMs) return [session, []];
  const { since, from } = look;
  const looking: Ready = {
    ...session,
    readsUnderWay: session.readsUnderWay + 1,
    look: { kind: "under-way", since, againAtMs: undefined },
  };
  return [looking, [{ kind: "look", since: from }]];
}

/** Plans a look because entries were lost; before the first answer there is no need, for that one will hold them. */
export function planLook(session: Ready, atMs: number): Ready {
  const { look } = session;
  switch (look.kind) {
    case "waiting-for-first":
      return session;
    case "due":
      return { ...session, look: { ...look, atMs: Math.min(look.atMs, atMs), from: look.since } };
    case "under-way":
      return { ...session, look: { ...look, againAtMs: Math.min(look.againAtMs ?? atMs, atMs) } };
    case "rested":
      return { ...session, look: { kind: "due", atMs, since: look.since, from: look.since } };
    default:
      return unreachable(look);
  }
}

/** Reads the heads of conversations in which the device is behind; what is behind later is found by the next round. */
export function point(session: Ready, conversationIds: readonly bigint[]): Step {
  if (session.pointing || conversationIds.length === 0) return [session, []];
  return [{ ...session, pointing: true }, [{ kind: "read-pointers", conversationIds }]];
}

export function answerPointers(session: Ready, page: HeadsPage): Step {
  return [{ ...session, pointing: false }, show(page)];
}

function afterAnswer(look: Look, watermark: bigint, now: Now): Look {
  switch (look.kind) {
    case "waiting-for-first":
      return { kind: "due", atMs: now.monotonicMs + ROUTE_CACHE_MAX_MS, since: watermark, from: watermark };
    case "rested":
      return { kind: "rested", since: watermark };
    default:
      return look;
  }
}

/** Shows what a look has found. One that failed is repeated: it is what finds pushes that never came. */
function finishLook(session: Ready, page: HeadsPage, now: Now): Step {
  const { look } = session;
  if (look.kind !== "under-way") return [session, []];
  const { since, againAtMs } = look;
  const due = (atMs: number, from: bigint): Ready => ({ ...session, look: { kind: "due", atMs, since, from } });
  if (page.error !== ErrorCode.UNSPECIFIED) return [due(now.monotonicMs + ROUTE_CACHE_MAX_MS, since), []];
  if (page.hasMore) return [due(now.monotonicMs, page.watermark), show(page)];
  if (againAtMs !== undefined) return [due(againAtMs, since), show(page)];
  return [{ ...session, look: { kind: "rested", since } }, show(page)];
}

/** A page that nobody asked for carries no watermark: the one before it may have been dropped. */
function show(page: HeadsPage): SessionEffect[] {
  if (page.heads.length === 0 || page.error !== ErrorCode.UNSPECIFIED) return [];
  return [send({ case: "headsPage", value: { ...page, requestId: 0n, watermark: 0n, hasMore: false } })];
}
