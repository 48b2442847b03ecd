import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorCode, ErrorDetailSchema } from "../../../gen/ts/tidewire/v1/error_pb.js";
import type { Clock } from "../../../runtime/clock.js";
import type { Random } from "../../sim/engine/random.js";

/** How a service takes a call. */
export type Mood =
  | "well"
  /** With an error that the contract knows. */
  | "refuses"
  /** With one that nobody foresaw. */
  | "fails"
  | "late"
  /** Not before the caller's deadline. */
  | "hangs";

/** Answers calls, each in some mood. */
export interface Moods {
  answer<T>(result: () => T, mood?: Mood): Promise<T>;
  /** The next calls, whichever they are, are taken in these moods. */
  script(...moods: Mood[]): void;
  /** From now on everything is answered well. */
  cheerUp(): void;
  next(): Mood;
}

const usual: readonly Mood[] = [
  ...new Array<Mood>(14).fill("well"),
  "refuses",
  "refuses",
  "fails",
  "late",
  "late",
  "hangs",
];
const refusals = [
  ErrorCode.UNAVAILABLE,
  ErrorCode.BUSY,
  ErrorCode.RATE_LIMITED,
  ErrorCode.TOKEN_EXPIRED,
  ErrorCode.UNAUTHENTICATED,
  ErrorCode.FORBIDDEN,
  ErrorCode.TOO_MANY_DEVICES,
  ErrorCode.UNKNOWN_CONVERSATION,
  ErrorCode.NOT_A_MEMBER,
  ErrorCode.INTERNAL,
  9_999 as ErrorCode, // of a service that is newer than the gateway
];
const failures = [Code.Unavailable, Code.DeadlineExceeded, Code.Canceled, Code.Aborted, Code.Internal, Code.Unknown];

export function createMoods(random: Random, clock: Clock, callTimeoutMs: number): Moods {
  let scripted: Mood[] = [];
  let isCheerful = false;

  const next = () => scripted.shift() ?? (isCheerful ? "well" : random.pick(usual));
  const after = (ms: number) => new Promise<void>((resolve) => void clock.after(ms, resolve));

  async function answer<T>(result: () => T, mood: Mood = next()): Promise<T> {
    switch (mood) {
      case "well":
        return result();
      case "refuses":
        throw refusal(random.pick(refusals), random.whole(0, 5_000));
      case "fails":
        throw random.chance(0.3) ? new Error("a bug") : new ConnectError("away", random.pick(failures));
      case "late":
        await after(random.whole(1, callTimeoutMs - 1));
        return result();
      case "hangs":
        await after(callTimeoutMs);
        throw new ConnectError("too late", Code.DeadlineExceeded);
    }
  }

  return {
    answer,
    next,
    script: (...moods) => {
      scripted = moods;
    },
    cheerUp() {
      scripted = [];
      isCheerful = true;
    },
  };
}

/** An error as services report it. */
export function refusal(code: ErrorCode, retryAfterMs: number): ConnectError {
  const detail = { desc: ErrorDetailSchema, value: { code, retryAfterMs } };
  return new ConnectError("no", Code.FailedPrecondition, undefined, [detail]);
}
