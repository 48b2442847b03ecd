import { create } from "@bufbuild/protobuf";
import { WireType } from "@bufbuild/protobuf/wire";
import { type SyncPage, SyncPageSchema } from "../../gen/ts/tidewire/v1/frame_pb.js";
import { encode } from "../../runtime/binary.js";
import { lengthOfBytes, lengthOfMessage, tagOf, writeHead, writeMessage } from "./encode-message.js";
import type { MessageRow } from "./message-rows.js";

/** A page of a log. Its messages are still as they were stored. */
export type Page = Readonly<{
  /** Everything else, but for the request_id. */
  about: SyncPage;
  rows: readonly MessageRow[];
}>;

const messagesTag = tagOf(SyncPageSchema.field.messages, WireType.LengthDelimited);

/** Encodes a page as a SyncPage, its fields by number as the generated code does. In memory of its own, so that it can change hands. */
export function encodePage({ about, rows }: Page): Uint8Array {
  const { conversationId, reset, headSeq, hasMore, error } = about;
  const before = encode(SyncPageSchema, create(SyncPageSchema, { conversationId, ...(reset && { reset }) }));
  const after = encode(SyncPageSchema, create(SyncPageSchema, { headSeq, hasMore, error }));
  const lengths = rows.map(lengthOfMessage);
  const length = lengths.reduce((sum, own) => sum + lengthOfBytes(own), before.length + after.length);
  const bytes = new Uint8Array(length);
  bytes.set(before);
  let offset = before.length;
  for (const [index, row] of rows.entries()) {
    offset = writeHead(bytes, offset, messagesTag, lengths[index] ?? 0);
    offset = writeMessage(bytes, offset, row);
  }
  bytes.set(after, offset);
  return bytes;
}
