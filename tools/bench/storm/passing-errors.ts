import { ErrorCode } from "../../../gen/ts/tidewire/v1/error_pb.js";

/** What the shipped client takes for a failure that passes: it asks again after a pause. */
const passing: ReadonlySet<ErrorCode> = new Set([
  ErrorCode.UNAVAILABLE,
  ErrorCode.BUSY,
  ErrorCode.RATE_LIMITED,
  ErrorCode.INTERNAL,
]);

export function isPassing(error: ErrorCode): boolean {
  return passing.has(error);
}
