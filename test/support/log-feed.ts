import { create } from "@bufbuild/protobuf";
import {
  type ConversationLog,
  type ConversationLogLimits,
  finishFetch,
  mend,
  receive,
  reopen,
  waitFor,
} from "../../gateway/downlink/conversation-log.js";
import { LogEntrySchema } from "../../gen/ts/tidewire/v1/delivery_pb.js";

/** A conversation's log that is fed seqs and says which go out, all as plain numbers. */
export interface LogFeed {
  readonly log: ConversationLog;
  receive(seq: number, nowMs?: number): number[];
  /** What a hole needs: nothing, the seqs to ask for, or to let these out. */
  mend(nowMs: number): "none" | { fetch: [number, number] } | { release: number[] };
  finishFetch(): number[];
  reopen(headSeq: number): void;
}

/** Holds 50 ms, waits 2 s for what it asks for, and holds 4 entries, unless told otherwise. */
export function feedLog({
  startSeq,
  limits,
}: {
  startSeq?: number;
  limits?: Partial<ConversationLogLimits>;
} = {}): LogFeed {
  const all = { holdMs: 50, fetchMs: 2_000, heldMax: 4, ...limits };
  let log = startSeq === undefined ? undefined : waitFor(BigInt(startSeq), 0);
  const known = (): ConversationLog => {
    if (!log) throw new Error("the log has not begun");
    return log;
  };
  const numbers = (entries: readonly { seq: bigint }[]) => entries.map(({ seq }) => Number(seq));
  return {
    get log() {
      return known();
    },
    receive(seq, nowMs = 0) {
      const entry = create(LogEntrySchema, { conversationId: 9n, seq: BigInt(seq) });
      const [next, released] = receive(log, entry, nowMs, all);
      log = next;
      return numbers(released);
    },
    mend(nowMs) {
      const [next, remedy] = mend(known(), nowMs, all);
      log = next;
      if (remedy.kind === "none") return "none";
      if (remedy.kind === "release") return { release: numbers(remedy.entries) };
      return { fetch: [Number(remedy.firstSeq), Number(remedy.lastSeq)] };
    },
    finishFetch() {
      const [next, released] = finishFetch(known());
      log = next;
      return numbers(released);
    },
    reopen(headSeq) {
      log = reopen(known(), BigInt(headSeq));
    },
  };
}
