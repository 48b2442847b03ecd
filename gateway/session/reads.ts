import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import type { Heads, HeadsPage, Limits, Sync, SyncPage } from "../../gen/ts/tidewire/v1/frame_pb.js";
import { take } from "../../runtime/gcra.js";
import { send } from "./ending.js";
import type { Now, Ready, Step } from "./state.js";

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
  return [{ ...session, syncRate, readsUnderWay: session.readsUnderWay + 1 }, [{ kind: "read-sync", sync }]];
}

export function receiveHeads(session: Ready, { requestId, since, limit }: Heads): Step {
  const refused = (error: ErrorCode): Step => [session, [send({ case: "headsPage", value: { requestId, error } })]];
  if (requestId === 0n) return refused(ErrorCode.INVALID_ARGUMENT);
  if (session.readsUnderWay >= READS_MAX) return refused(ErrorCode.BUSY);
  const reading: Ready = { ...session, readsUnderWay: session.readsUnderWay + 1 };
  return [reading, [{ kind: "read-heads", requestId, since, limit }]];
}

export function answerSync(session: Ready, page: SyncPage): Step {
  return [{ ...session, readsUnderWay: session.readsUnderWay - 1 }, [send({ case: "syncPage", value: page })]];
}

/** Answers a heads request, and plans the second look after the device's first complete answer. */
export function answerHeads(session: Ready, page: HeadsPage, now: Now): Step {
  const read: Ready = { ...session, readsUnderWay: session.readsUnderWay - 1 };
  if (page.requestId === 0n) return finishSecondLook(read, page, now);
  const frame = send({ case: "headsPage", value: page });
  const complete = !page.hasMore && page.error === ErrorCode.UNSPECIFIED;
  if (session.secondLook.kind !== "waiting-for-first" || !complete) return [read, [frame]];
  const atMs = now.monotonicMs + ROUTE_CACHE_MAX_MS;
  return [{ ...read, secondLook: { kind: "due", atMs, since: page.watermark } }, [frame]];
}

/** Reads heads for the second time, once that is due. */
export function lookAgain(session: Ready, now: Now): Step {
  const { secondLook } = session;
  if (secondLook.kind !== "due" || now.monotonicMs < secondLook.atMs) return [session, []];
  const looking: Ready = {
    ...session,
    readsUnderWay: session.readsUnderWay + 1,
    secondLook: { kind: "under-way", since: secondLook.since },
  };
  return [looking, [{ kind: "read-heads", requestId: 0n, since: secondLook.since, limit: 0 }]];
}

/** Shows what the second look has found. One that failed is repeated: it is what finds pushes that went elsewhere. */
function finishSecondLook(session: Ready, page: HeadsPage, now: Now): Step {
  const { secondLook } = session;
  if (page.error !== ErrorCode.UNSPECIFIED && secondLook.kind === "under-way") {
    const atMs = now.monotonicMs + ROUTE_CACHE_MAX_MS;
    return [{ ...session, secondLook: { kind: "due", atMs, since: secondLook.since } }, []];
  }
  const done: Ready = { ...session, secondLook: { kind: "done" } };
  return [done, page.heads.length === 0 ? [] : [send({ case: "headsPage", value: page })]];
}
