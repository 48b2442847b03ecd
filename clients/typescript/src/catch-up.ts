import { create } from "@bufbuild/protobuf";
import { type ClientFrame, HeadsSchema, SyncSchema } from "../../../gen/ts/tidewire/v1/frame_pb.js";
import { compareBigints } from "./compare.js";

/**
 * What this device has to fetch: which conversations changed (`heads`), and the logs behind their heads (`sync`), one
 * page of each at a time, the conversation that changed last first.
 */
export interface CatchUp {
  /** A login has succeeded: asks which conversations changed. */
  open(syncRatePerSecond: number): void;
  /** The connection is gone. What was wanted stays wanted. */
  shut(): void;
  /** The conversation has to be synced. @param recency Which goes first: the greater number. */
  want(conversationId: bigint, recency: bigint): void;
  /** The conversation is up to date. */
  unwant(conversationId: bigint): void;
  /** The app looks at this conversation: if it is wanted, it goes first. */
  focus(conversationId: bigint): void;
  wantHeads(): void;
  /** The questions to send now. */
  due(nowMs: number, position: { watermark: bigint; cursor(conversationId: bigint): bigint }): ClientFrame["frame"][];
  /** When `due` has to be asked again, on the clock of `nowMs`. */
  deadlineMs(): number | undefined;
  /** An answer arrived. False if it is not the one waited for. */
  syncAnswered(requestId: bigint): boolean;
  headsAnswered(requestId: bigint): boolean;
  /** The server could not answer: no question for about a second. */
  pauseSync(nowMs: number): void;
  pauseHeads(nowMs: number): void;
  /** Forgets everything that is wanted. */
  clear(): void;
}

/** How long an answer may take before the question is put again. */
const answerMaxMs = 15_000;
/** How long to wait after a question that failed, before jitter. */
const pauseMs = 1_000;
/** The second of "sync requests a second", and some more, because the network may move requests together. */
const rateWindowMs = 1_100;

type Question = { requestId: bigint; conversationId: bigint; giveUpAtMs: number };

export function createCatchUp(random: () => number): CatchUp {
  const queue = createQueue();
  /** When the latest syncs were sent, within one rate window. */
  let syncSentAtMs: number[] = [];
  let syncRate = 1;
  let isOpen = false;
  let lastRequestId = 0n;
  let sync: Question | undefined;
  let syncNotBeforeMs = 0;
  let heads: Question | undefined;
  let headsWanted = false;
  let headsNotBeforeMs = 0;

  const pausedUntil = (nowMs: number) => nowMs + pauseMs * (1 + random());

  function ask(conversationId: bigint, nowMs: number): Question {
    lastRequestId += 1n;
    return { requestId: lastRequestId, conversationId, giveUpAtMs: nowMs + answerMaxMs };
  }

  /** Notes a sync, and how soon the next one may follow. */
  function paceSync(nowMs: number): void {
    syncSentAtMs = [...syncSentAtMs.filter((atMs) => atMs > nowMs - rateWindowMs), nowMs];
    const oldest = syncSentAtMs[syncSentAtMs.length - syncRate];
    syncNotBeforeMs = oldest === undefined ? nowMs : oldest + rateWindowMs;
  }

  function dueSync(nowMs: number, cursor: (conversationId: bigint) => bigint): ClientFrame["frame"][] {
    if (sync !== undefined && nowMs < sync.giveUpAtMs) return [];
    if (sync !== undefined) queue.add(sync.conversationId, 0n);
    sync = undefined;
    if (queue.size === 0 || nowMs < syncNotBeforeMs) return [];
    const conversationId = queue.take();
    sync = ask(conversationId, nowMs);
    paceSync(nowMs);
    const { requestId } = sync;
    return [
      { case: "sync", value: create(SyncSchema, { requestId, conversationId, afterSeq: cursor(conversationId) }) },
    ];
  }

  function dueHeads(nowMs: number, since: bigint): ClientFrame["frame"][] {
    if (heads !== undefined && nowMs < heads.giveUpAtMs) return [];
    if (heads !== undefined) headsWanted = true;
    heads = undefined;
    if (!headsWanted || nowMs < headsNotBeforeMs) return [];
    headsWanted = false;
    heads = ask(0n, nowMs);
    return [{ case: "heads", value: create(HeadsSchema, { requestId: heads.requestId, since }) }];
  }

  return {
    open(syncRatePerSecond) {
      isOpen = true;
      headsWanted = true;
      headsNotBeforeMs = 0;
      syncNotBeforeMs = 0;
      syncRate = syncRatePerSecond;
    },
    shut() {
      isOpen = false;
      if (sync !== undefined) queue.add(sync.conversationId, 0n);
      sync = undefined;
      heads = undefined;
      syncSentAtMs = [];
    },
    want: queue.add,
    unwant: queue.remove,
    focus: queue.focus,
    wantHeads() {
      headsWanted = true;
    },
    due(nowMs, position) {
      if (!isOpen) return [];
      return [...dueHeads(nowMs, position.watermark), ...dueSync(nowMs, position.cursor)];
    },
    deadlineMs() {
      if (!isOpen) return undefined;
      const headsAtMs = heads?.giveUpAtMs ?? (headsWanted ? headsNotBeforeMs : Number.POSITIVE_INFINITY);
      const syncAtMs = sync?.giveUpAtMs ?? (queue.size > 0 ? syncNotBeforeMs : Number.POSITIVE_INFINITY);
      const earliest = Math.min(headsAtMs, syncAtMs);
      return Number.isFinite(earliest) ? earliest : undefined;
    },
    syncAnswered(requestId) {
      const isAnswer = sync?.requestId === requestId;
      if (isAnswer) sync = undefined;
      return isAnswer;
    },
    headsAnswered(requestId) {
      const isAnswer = heads?.requestId === requestId;
      if (isAnswer) heads = undefined;
      return isAnswer;
    },
    pauseSync(nowMs) {
      syncNotBeforeMs = pausedUntil(nowMs);
    },
    pauseHeads(nowMs) {
      headsNotBeforeMs = pausedUntil(nowMs);
    },
    clear() {
      queue.clear();
      sync = undefined;
    },
  };
}

/** Conversations by recency. Sorted when first asked after it has grown: pages of heads arrive by the hundred. */
function createQueue() {
  const recencies = new Map<bigint, bigint>();
  /** By rising recency, so that taking is cheap; may name conversations that are gone. */
  let order: bigint[] | undefined;
  let focused: bigint | undefined;

  function first(): bigint {
    if (focused !== undefined && recencies.has(focused)) return focused;
    order ??= [...recencies].sort(([, one], [, other]) => compareBigints(one, other)).map(([id]) => id);
    for (let last = order.at(-1); last !== undefined; last = order.at(-1)) {
      if (recencies.has(last)) return last;
      order.pop();
    }
    throw new Error("the queue is empty");
  }

  return {
    get size() {
      return recencies.size;
    },
    add(conversationId: bigint, recency: bigint): void {
      const before = recencies.get(conversationId);
      if (before !== undefined && before >= recency) return;
      recencies.set(conversationId, recency);
      // The one taken last, wanted again for its next page, still has its place.
      if (order?.at(-1) !== conversationId || recency === 0n) order = undefined;
    },
    take(): bigint {
      const conversationId = first();
      recencies.delete(conversationId);
      return conversationId;
    },
    remove(conversationId: bigint): void {
      recencies.delete(conversationId);
    },
    focus(conversationId: bigint): void {
      focused = conversationId;
    },
    clear(): void {
      recencies.clear();
      order = undefined;
      focused = undefined;
    },
  };
}
