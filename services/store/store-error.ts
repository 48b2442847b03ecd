import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { TidewireError } from "../../runtime/error.js";

/** How long a caller waits before it repeats what failed because of the database, in milliseconds. */
const retryAfterMs = 500;

/**
 * SQLSTATEs (PostgreSQL, appendix A) that say nothing about the statement itself: the same statement may succeed later.
 * Class 08 is a lost connection, 53 a lack of resources, 57P an operator's intervention; 40 rolled back because of others.
 */
const transientClasses = ["08", "53", "57P", "40"];
const transientStates = [
  "55P03", // lock_not_available: lock_timeout
  "57014", // query_canceled: statement_timeout
  "25P03", // idle_in_transaction_session_timeout
  "25P04", // transaction_timeout
  "25006", // read_only_sql_transaction: a standby that is about to be promoted
];

/** Codes of the driver and of the operating system for a connection that is not, or no longer, there. */
const transientCodes = new Set([
  "CONNECTION_CLOSED",
  "CONNECTION_DESTROYED",
  "CONNECTION_ENDED",
  "CONNECT_TIMEOUT",
  "ECONNREFUSED",
  "ECONNRESET",
  "ENOENT",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EPIPE",
  "ETIMEDOUT",
]);

/** True if the same statement may succeed later. Its outcome may be unknown: it may have been committed. */
export function isTransient(thrown: unknown): boolean {
  if (thrown instanceof TidewireError) return thrown.code === ErrorCode.UNAVAILABLE;
  const code = codeOf(thrown);
  if (code === undefined) return false;
  if (transientCodes.has(code) || transientStates.includes(code)) return true;
  return /^[0-9A-Z]{5}$/.test(code) && transientClasses.some((prefix) => code.startsWith(prefix));
}

/** True if the connection that it happened on is gone, or about to go. */
export function isDisconnection(thrown: unknown): boolean {
  if (typeof thrown !== "object" || thrown === null) return false;
  const { severity, cause } = thrown as { severity?: unknown; cause?: unknown };
  if (severity === "FATAL" || severity === "PANIC") return true; // the server ends the session after these
  return transientCodes.has(codeOf(thrown) ?? "") || isDisconnection(cause);
}

/** A failure of the store as the rest of Tidewire knows it: UNAVAILABLE if it may pass, else INTERNAL. */
export function toTidewireError(thrown: unknown): TidewireError {
  if (thrown instanceof TidewireError) return thrown;
  if (isTransient(thrown)) {
    const message = `the database cannot be reached for the moment (${codeOf(thrown)})`;
    return new TidewireError(ErrorCode.UNAVAILABLE, message, { cause: thrown, retryAfterMs });
  }
  return new TidewireError(ErrorCode.INTERNAL, "the database refused a statement", { cause: thrown });
}

function codeOf(thrown: unknown): string | undefined {
  if (typeof thrown !== "object" || thrown === null || !("code" in thrown)) return undefined;
  return typeof thrown.code === "string" ? thrown.code : undefined;
}
