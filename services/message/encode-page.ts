import { WireType } from "@bufbuild/protobuf/wire";
import { type SyncPage, SyncPageSchema } from "../../gen/ts/tidewire/v1/frame_pb.js";
import { encode } from "../../runtime/binary.js";
import { lengthOfBytes, lengthOfMessage, tagOf, writeHead, writeMessage } from "./encode-message.js";
import type { MessageRow } from "./message-rows.js";

/** A page of a log. Its messages are still as they were stored. */
export type Page = Readonly<{
  /** Everything else, without a request_id. */
  head: SyncPage;
  rows: readonly MessageRow[];
}>;

const messagesTag = tagOf(SyncPageSchema.field.messages, WireType.LengthDelimited);

/** Encodes a page as a SyncPage. In memory of its own, so that it can change hands. */
export function encodePage({ head, rows }: Page): Uint8Array {
  const start = encode(SyncPageSchema, head);
  const lengths = rows.map(lengthOfMessage);
  const bytes = new Uint8Array(lengths.reduce((sum, length) => sum + lengthOfBytes(length), start.length));
  bytes.set(start);
  let offset = start.length;
  for (const [index, row] of rows.entries()) {
    offset = writeHead(bytes, offset, messagesTag, lengths[index] ?? 0);
    offset = writeMessage(bytes, offset, row);
  }
  return bytes;
}
