import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { TidewireError } from "../../runtime/error.js";

const namePattern = /^[a-z0-9._-]{2,32}$/;
const passwordMinBytes = 8;

/** A name as it is stored, upper case folded; undefined if nobody can have it. */
export function parseName(name: string): string | undefined {
  const folded = name.toLowerCase();
  return namePattern.test(folded) ? folded : undefined;
}

/** @throws TidewireError `INVALID_ARGUMENT` naming the field. */
export function parseNewName(name: string): string {
  const parsed = parseName(name);
  if (parsed === undefined) throw invalid("name: 2 to 32 of a-z, 0-9, '.', '_' and '-'");
  return parsed;
}

/** @throws TidewireError `INVALID_ARGUMENT` naming the field. Its largest size is a field limit of the contract. */
export function checkNewPassword(password: string): void {
  if (Buffer.byteLength(password) < passwordMinBytes) throw invalid(`password: at least ${passwordMinBytes} bytes`);
}

/** Text for people. PostgreSQL cannot store U+0000, and other control characters confuse terminals. */
export function checkDisplayText(field: string, text: string): void {
  if (/\p{Cc}/u.test(text)) throw invalid(`${field}: without control characters`);
}

/** Empty, or a web address: what clients put into a page must not be a script. */
export function checkWebAddress(field: string, url: string): void {
  if (url !== "" && !/^https?:\/\/[^\s\p{Cc}]+$/iu.test(url)) throw invalid(`${field}: an http or https URL`);
}

function invalid(message: string): TidewireError {
  return new TidewireError(ErrorCode.INVALID_ARGUMENT, message);
}
