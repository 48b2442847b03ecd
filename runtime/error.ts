import type { ErrorCode } from "../gen/ts/tidewire/v1/error_pb.js";

/**
 * The one failure that Tidewire's own code throws. Expected outcomes are values; this is for requests that could not
 * be carried out. Edges translate it: to a Connect error, to an `error` frame, to a line on a terminal.
 */
export class TidewireError extends Error {
  override readonly name = "TidewireError";
  readonly code: ErrorCode;
  /** How long to wait before the request is repeated, in milliseconds. 0: no need to wait. */
  readonly retryAfterMs: number;

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; retryAfterMs?: number } = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.retryAfterMs = options.retryAfterMs ?? 0;
  }
}

/** Marks a branch that the type checker has proven to be dead. Throws if a value gets there all the same. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${String(value)}`);
}
