import { ServerFrameSchema } from "../../gen/ts/tidewire/v1/frame_pb.js";
import { decode } from "../../runtime/binary.js";
import type { Clock } from "../../runtime/clock.js";

/** Acknowledges pushes as protocol.md asks devices to: cumulatively, after 64 messages or after a delay. */
export interface DelayedAck extends Disposable {
  /** `count` pushes have arrived, the last of which is `lastPush`. To be called once a chunk read, not once a push. */
  note(count: number, lastPush: Uint8Array): void;
}

/** Acknowledged without further delay after so many messages. */
const messagesMax = 64;

/**
 * @param options.delayMs The longest delay; the true one is jittered below it.
 * @param options.send Sends an `ack` up to `seq`.
 */
export function createDelayedAck(options: {
  clock: Clock;
  random: () => number;
  delayMs: number;
  send: (seq: bigint) => void;
}): DelayedAck {
  let pending = 0;
  let newest: Uint8Array | undefined;
  let timer: Disposable | undefined;

  function flush() {
    timer?.[Symbol.dispose]();
    timer = undefined;
    const { frame } = decode(ServerFrameSchema, newest ?? new Uint8Array());
    if (frame.case === "push" && frame.value.message) options.send(frame.value.message.seq);
    pending = 0;
    newest = undefined;
  }

  return {
    note(count, lastPush) {
      pending += count;
      newest = lastPush;
      if (pending >= messagesMax) return flush();
      timer ??= options.clock.after(options.delayMs * (0.5 + options.random() / 2), flush);
    },
    [Symbol.dispose]() {
      timer?.[Symbol.dispose]();
      timer = undefined;
    },
  };
}
