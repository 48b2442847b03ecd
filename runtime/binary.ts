import { type DescMessage, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { ErrorCode } from "../gen/ts/tidewire/v1/error_pb.js";
import { TidewireError } from "./error.js";

/**
 * Bounds what hostile bytes can cost: unknown fields of a 64 KiB frame retained 4.4 MB, and deep nesting costs stack.
 * No message of the contract nests deeper than five.
 */
const readOptions = { readUnknownFields: false, recursionLimit: 8 } as const;

/**
 * Decodes bytes that anybody may have sent. Unknown fields are skipped and not kept; string fields are valid UTF-8;
 * `bytes` fields are views into `bytes`, so the caller must not reuse the buffer while it keeps the message.
 * @throws TidewireError `MALFORMED` if the bytes are not an encoding of `schema`.
 */
export function decode<Schema extends DescMessage>(schema: Schema, bytes: Uint8Array): MessageShape<Schema> {
  try {
    return fromBinary(schema, bytes, readOptions);
  } catch (cause) {
    throw new TidewireError(ErrorCode.MALFORMED, `these bytes do not encode ${schema.name}`, { cause });
  }
}

/**
 * Encodes a message of ours. A lone surrogate in a string becomes U+FFFD, so the result is always valid UTF-8.
 * @throws Error if a number does not fit its field: a bug of the caller.
 */
export function encode<Schema extends DescMessage>(schema: Schema, message: MessageShape<Schema>): Uint8Array {
  return toBinary(schema, message);
}
