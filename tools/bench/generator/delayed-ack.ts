import { ServerFrameSchema } from "../../../gen/ts/tidewire/v1/frame_pb.js";
import { decode } from "../../../runtime/binary.js";
import type { Clock } from "../../../runtime/clock.js";

/** Acknowledges pushes as protocol.md asks devices to: cumulatively, after 64 messages or after a delay. */
export interface DelayedAck extends Disposable {
  /** `count` pushes have arrived, the last of which is `lastPush`. To be called once a chunk read, not once a push. */
  note(count: number, lastPush: Uint8Array): void;
  /** Says nothing from here on, however much arrives, until `release`. */
  hold(): void;
  /** Acknowledges at once what came meanwhile, and goes on as usual. */
  release(): void;
  /** True while something that has arrived is not acknowledged. */
  readonly isPending: boolean;
  /** Acks that have been sent. */
  readonly sent: number;
}

/** Longer than devices hold acks back: after so long the last one has left, in milliseconds. */
export const lastAckMs = 500;
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
  let isHeld = false;
  let sent = 0;

  function disarm() {
    timer?.[Symbol.dispose]();
    timer = undefined;
  }

  function flush() {
    disarm();
    const { frame } = decode(ServerFrameSchema, newest ?? new Uint8Array());
    pending = 0;
    newest = undefined;
    if (frame.case !== "push" || !frame.value.message) return;
    sent++;
    options.send(frame.value.message.seq);
  }

  return {
    note(count, lastPush) {
      pending += count;
      newest = lastPush.slice(); // the memory that it lies in may be used again before the ack is due
      if (isHeld) return;
      if (pending >= messagesMax) return flush();
      timer ??= options.clock.after(options.delayMs * (0.5 + options.random() / 2), flush);
    },
    hold() {
      isHeld = true;
      disarm();
    },
    release() {
      isHeld = false;
      if (newest) flush();
    },
    get isPending() {
      return pending > 0;
    },
    get sent() {
      return sent;
    },
    [Symbol.dispose]: disarm,
  };
}
