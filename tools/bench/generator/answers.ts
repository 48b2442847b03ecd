import { decodeServerFrames } from "../../../clients/typescript/src/frames.js";
import { ErrorCode } from "../../../gen/ts/tidewire/v1/error_pb.js";
import type { ServerFrame } from "../../../gen/ts/tidewire/v1/frame_pb.js";

/** What a server says to a login. */
export type Greeted = Readonly<{ device: number; ackDelayMs: number }>;

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

/** Waits for the answers to heartbeats, in order. */
export function createHeartbeats() {
  let waiting: { resolve: () => void; reject: (error: Error) => void }[] = [];
  return {
    next: () => new Promise<void>((resolve, reject) => waiting.push({ resolve, reject })),
    fail(reason: string) {
      for (const { reject } of waiting) reject(new Error(reason));
      waiting = [];
    },
    read(message: Uint8Array) {
      if (waiting.length === 0) return; // nothing to decode for, while the clock runs
      const answers = decodeServerFrames(message).filter(({ frame }) => frame.case === "heartbeatOk");
      for (const { resolve } of waiting.splice(0, answers.length)) resolve();
    },
  };
}

export type Heartbeats = ReturnType<typeof createHeartbeats>;
