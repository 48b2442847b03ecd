import type { Cursor } from "../../gen/ts/tidewire/v1/frame_pb.js";
import type { RisingMark, RisingMarks } from "../../runtime/fabric/fabric.js";
import type { Logger } from "../../runtime/log.js";
import type { Timers } from "../timers/timers.js";

/**
 * What devices have acknowledged, on its way to the fabric: gathered, so that a wave of acks is one call. Disposing of it hands over
 * what is left.
 */
export interface DeliveredMarks extends AsyncDisposable {
  note(userId: bigint, cursors: readonly Pick<Cursor, "conversationId" | "seq">[]): void;
  /** Users of whom something waits. */
  readonly size: number;
}

export type DeliveredMarksOptions = Readonly<{ marks: Pick<RisingMarks, "raise">; timers: Timers; log: Logger }>;

const GATHER_MS = 1_000;
/** More than these are raised at once. */
const WAITING_MAX = 10_000;

export function createDeliveredMarks({ marks, timers, log }: DeliveredMarksOptions): DeliveredMarks {
  const waiting = new Map<bigint, Map<bigint, bigint>>();
  let count = 0;
  let timer: Disposable | undefined;

  async function flush() {
    timer?.[Symbol.dispose]();
    timer = undefined;
    if (waiting.size === 0) return;
    const raised: RisingMark[] = [];
    for (const [userId, seqs] of waiting) {
      for (const [conversationId, seq] of seqs) raised.push({ userId, conversationId, seq });
    }
    waiting.clear();
    count = 0;
    await marks.raise(raised).catch((error: unknown) => {
      log.warn({ err: error }, "delivered marks were not raised; later acks make up for it");
    });
  }

  return {
    note(userId, cursors) {
      const seqs = waiting.get(userId) ?? new Map<bigint, bigint>();
      waiting.set(userId, seqs);
      for (const { conversationId, seq } of cursors) {
        const before = seqs.get(conversationId);
        if (before === undefined) count++;
        if (before === undefined || before < seq) seqs.set(conversationId, seq);
      }
      if (count >= WAITING_MAX) void flush();
      else timer ??= timers.after(GATHER_MS, () => void flush());
    },
    get size() {
      return waiting.size;
    },
    [Symbol.asyncDispose]: flush,
  };
}
