import { isUtf8 } from "node:buffer";
import type { DescMessage } from "@bufbuild/protobuf";
import { decode } from "../../runtime/binary.js";
import { TidewireError } from "../../runtime/error.js";

/**
 * What is wrong with the body of a call, in words for the caller; undefined if nothing is, or if Connect says it well
 * itself. Connect calls bytes that it cannot decode its own failure, replaces what is not UTF-8, and rounds large numbers.
 */
export function findBodyFault(input: DescMessage, contentType: string, body: Uint8Array): string | undefined {
  return contentType.startsWith("application/json") ? findJsonFault(body) : findBinaryFault(input, body);
}

function findBinaryFault(input: DescMessage, body: Uint8Array): string | undefined {
  try {
    decode(input, body);
    return undefined;
  } catch (error) {
    if (!(error instanceof TidewireError)) throw error;
    return `${error.message}: encode them with the generated types`;
  }
}

function findJsonFault(body: Uint8Array): string | undefined {
  if (!isUtf8(body)) return "the body is not UTF-8";
  const number = findRoundedNumber(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("latin1"));
  return number && `${number} is too large for a JSON number, which would be rounded: write "${number}", in quotes`;
}

/** Strings, which are skipped, and numbers. An unfinished string reaches to the end: so the scan is linear, come what may. */
const stringsAndNumbers = /"(?:[^"\\]|\\[\s\S]?)*(?:"|$)|-?\d[\d.eE+-]*/g;

/** The first whole number that a double does not hold: ids have up to 64 bits, of which it has room for 53. */
function findRoundedNumber(json: string): string | undefined {
  for (const [token] of json.matchAll(stringsAndNumbers)) {
    const value = token.startsWith('"') ? 0 : Number(token);
    if (Number.isInteger(value) && !Number.isSafeInteger(value)) return token.slice(0, 40);
  }
  return undefined;
}
