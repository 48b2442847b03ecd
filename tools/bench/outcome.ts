import type { Window } from "./generator/generator-calls.js";
import type { Verified } from "./group/result.js";

/** What a run comes to. If one message is not as it should be, there is no other result. */
export type Outcome<Result> =
  /** @property windows when the clock ran, for profiles */
  | { kind: "measured"; result: Result; windows: readonly Window[] }
  | { kind: "flawed"; verified: Verified; problems: readonly string[] };
