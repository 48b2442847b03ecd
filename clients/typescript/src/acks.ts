import { create } from "@bufbuild/protobuf";
import { AckSchema, type ClientFrame, CursorSchema } from "../../../gen/ts/tidewire/v1/frame_pb.js";

/**
 * What is stored here and not yet acknowledged. Acknowledgements are cumulative, so only the last seq of each
 * conversation counts; they are late, so that many messages share one.
 */
export interface Acks {
  /** `seq` of this conversation is stored, and so is everything before it. Also for repeats: their ack may be lost. */
  note(conversationId: bigint, seq: bigint, nowMs: number): void;
  /** True if they should leave now. To be asked once per chunk read, so that a burst is acknowledged once. */
  isDue(nowMs: number): boolean;
  /** Everything pending, as `ack` frames of at most `ackMax` conversations each. */
  take(ackMax: number): ClientFrame["frame"][];
  deadlineMs(): number | undefined;
  /** A new connection starts without debts: what it is shown next is acknowledged anew. */
  clear(): void;
}

/** Acknowledged without further delay after so many messages. */
const messagesMax = 64;

/** @param options.delayMs The server's `ack_delay_ms`: the longest delay; the true one is jittered below it. */
export function createAcks(options: { delayMs: () => number; random: () => number }): Acks {
  const pending = new Map<bigint, bigint>();
  let messages = 0;
  let dueAtMs: number | undefined;

  function clear(): void {
    pending.clear();
    messages = 0;
    dueAtMs = undefined;
  }

  return {
    note(conversationId, seq, nowMs) {
      pending.set(conversationId, seq);
      messages += 1;
      dueAtMs ??= nowMs + options.delayMs() * (0.5 + options.random() / 2);
    },
    isDue: (nowMs) => messages >= messagesMax || (dueAtMs !== undefined && nowMs >= dueAtMs),
    take(ackMax) {
      const cursors = [...pending].map(([conversationId, seq]) => create(CursorSchema, { conversationId, seq }));
      clear();
      const frames: ClientFrame["frame"][] = [];
      for (let start = 0; start < cursors.length; start += ackMax) {
        frames.push({ case: "ack", value: create(AckSchema, { cursors: cursors.slice(start, start + ackMax) }) });
      }
      return frames;
    },
    deadlineMs: () => dueAtMs,
    clear,
  };
}
