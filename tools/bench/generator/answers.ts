import { decodeServerFrames } from "../../../clients/typescript/src/frames.js";
import { ErrorCode } from "../../../gen/ts/tidewire/v1/error_pb.js";
import type { ServerFrame } from "../../../gen/ts/tidewire/v1/frame_pb.js";
import { systemClock } from "../../../runtime/clock.js";

/** What a server says to a login. */
export type Greeted = Readonly<{ device: number; ackDelayMs: number; heartbeatIntervalMs: number }>;

/** Waits for the answer to the login. */
export function createGreeting() {
  let resolve: (greeted: Greeted) => void = () => {};
  let reject: (error: Error) => void = () => {};
  const done = new Promise<Greeted>((...settle) => {
    [resolve, reject] = settle;
  });
  done.catch(() => {}); // a connection that is lost later has nobody waiting here
  return {
    done,
    fail: (reason: string) => reject(new Error(reason)),
    read(frames: readonly ServerFrame[]) {
      for (const { frame } of frames) {
        if (frame.case === "loginOk") resolve(frame.value);
        if (frame.case === "error") reject(new Error(`${ErrorCode[frame.value.code]}: ${frame.value.advice}`));
      }
    },
  };
}

/** Waits for the answers to heartbeats, in order, and says when the next one is due. */
export function createHeartbeats() {
  let waiting: { resolve: () => void; reject: (error: Error) => void }[] = [];
  let timer: Disposable | undefined;
  const stop = () => timer?.[Symbol.dispose]();
  return {
    /** Calls `beat` at a random moment of the first interval, and then once an interval, until it is failed or disposed of. */
    repeat(intervalMs: number, beat: () => Promise<void>) {
      const arm = (delayMs: number) => {
        timer = systemClock.after(delayMs, () => {
          arm(intervalMs);
          beat().catch(() => {}); // who waits for the connection hears that it is lost
        });
      };
      arm(Math.random() * intervalMs);
    },
    next: () => new Promise<void>((resolve, reject) => waiting.push({ resolve, reject })),
    fail(reason: string) {
      stop();
      for (const { reject } of waiting) reject(new Error(reason));
      waiting = [];
    },
    read(message: Uint8Array) {
      if (waiting.length === 0) return; // nothing to decode for, while the clock runs
      const answers = decodeServerFrames(message).filter(({ frame }) => frame.case === "heartbeatOk");
      for (const { resolve } of waiting.splice(0, answers.length)) resolve();
    },
    [Symbol.dispose]: stop,
  };
}

export type Heartbeats = ReturnType<typeof createHeartbeats>;
