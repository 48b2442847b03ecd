import { ErrorCode } from "../../../gen/ts/tidewire/v1/error_pb.js";
import { meaningOfError } from "../../../gen/ts/tidewire/v1/errors.js";

/** A request that was not carried out: what the server said about it, or why this client did not pass it on. */
export class TidewireClientError extends Error {
  override readonly name = "TidewireClientError";
  readonly code: ErrorCode;
  /** What to do, in one sentence for a developer. */
  readonly advice: string;
  /** How long to wait before the request is repeated, in milliseconds. 0: no need to wait. */
  readonly retryAfterMs: number;
  /** True if the same request will never succeed, so that there is no point in repeating it. */
  readonly isFinal: boolean;

  constructor(code: ErrorCode, advice?: string, options: { cause?: unknown; retryAfterMs?: number } = {}) {
    const meaning = meaningOfError(code);
    super(`${meaning.name}: ${advice ?? meaning.advice}`, "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.advice = advice ?? meaning.advice;
    this.retryAfterMs = options.retryAfterMs ?? 0;
    this.isFinal = meaning.remedy !== "retry-later" && code !== ErrorCode.INTERNAL;
  }
}

/** Marks a branch that the type checker has proven to be dead. Throws if a value gets there all the same. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${String(value)}`);
}
