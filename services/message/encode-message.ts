import type { DescField } from "@bufbuild/protobuf";
import { WireType } from "@bufbuild/protobuf/wire";
import { MessageSchema } from "../../gen/ts/tidewire/v1/content_pb.js";
import { varint64Length, varintLength, writeVarint, writeVarint64 } from "../../runtime/varint.js";
import type { MessageRow } from "./message-rows.js";

/**
 * Writing a Message as the generated code would, but where it is to stay, once it is known how long it is; and its content is copied as
 * it was stored instead of being decoded first.
 */
export function lengthOfMessage(row: MessageRow): number {
  return (
    lengthOfFixed64(row.conversationId) +
    lengthOfVarint64(row.seq) +
    lengthOfFixed64(row.messageId) +
    lengthOfFixed64(row.senderId) +
    lengthOfVarint(row.senderDevice) +
    lengthOfVarint64(row.clientId) +
    lengthOfVarint64(row.sentAtMs) +
    lengthOfVarint64(row.counter) +
    (row.content === null ? 0 : lengthOfBytes(row.content.length))
  );
}

/** Returns where it ends. */
export function writeMessage(bytes: Uint8Array, start: number, row: MessageRow): number {
  let offset = writeFixed64(bytes, start, tags.conversationId, row.conversationId);
  offset = writeField64(bytes, offset, tags.seq, row.seq);
  offset = writeFixed64(bytes, offset, tags.messageId, row.messageId);
  offset = writeFixed64(bytes, offset, tags.senderId, row.senderId);
  if (row.senderDevice !== 0) offset = writeHead(bytes, offset, tags.senderDevice, row.senderDevice);
  offset = writeField64(bytes, offset, tags.clientId, row.clientId);
  offset = writeField64(bytes, offset, tags.sentAtMs, row.sentAtMs);
  offset = writeField64(bytes, offset, tags.counter, row.counter);
  if (row.content === null) return offset;
  offset = writeHead(bytes, offset, tags.content, row.content.length);
  bytes.set(row.content, offset);
  return offset + row.content.length;
}

/** Fields up to number 15 have a tag of one byte. */
export function tagOf({ number }: DescField, wireType: WireType): number {
  if (number > 15) throw new Error(`the tag of field ${number} is longer than a byte`);
  return (number << 3) | wireType;
}

/** A tag and a varint, which is the value of a field, or the length of what follows. Returns where it ends. */
export function writeHead(bytes: Uint8Array, start: number, tag: number, value: number): number {
  bytes[start] = tag;
  return writeVarint(bytes, start + 1, value);
}

/** Of a field of so many bytes, with its tag and its length. */
export function lengthOfBytes(length: number): number {
  return 1 + varintLength(length) + length;
}

const { field } = MessageSchema;
const tags = {
  conversationId: tagOf(field.conversationId, WireType.Bit64),
  seq: tagOf(field.seq, WireType.Varint),
  messageId: tagOf(field.messageId, WireType.Bit64),
  senderId: tagOf(field.senderId, WireType.Bit64),
  senderDevice: tagOf(field.senderDevice, WireType.Varint),
  clientId: tagOf(field.clientId, WireType.Varint),
  sentAtMs: tagOf(field.sentAtMs, WireType.Varint),
  counter: tagOf(field.counter, WireType.Varint),
  content: tagOf(field.content, WireType.LengthDelimited),
};

// Proto3 leaves zeros out.
const lengthOfFixed64 = (value: bigint) => (value === 0n ? 0 : 9);
const lengthOfVarint64 = (value: bigint) => (value === 0n ? 0 : 1 + varint64Length(value));
const lengthOfVarint = (value: number) => (value === 0 ? 0 : 1 + varintLength(value));

function writeField64(bytes: Uint8Array, start: number, tag: number, value: bigint): number {
  if (value === 0n) return start;
  bytes[start] = tag;
  return writeVarint64(bytes, start + 1, value);
}

/** Eight bytes that all share: a view of each message would cost more than it does. */
const eight = new DataView(new ArrayBuffer(8));
const eightBytes = new Uint8Array(eight.buffer);

function writeFixed64(bytes: Uint8Array, start: number, tag: number, value: bigint): number {
  if (value === 0n) return start;
  bytes[start] = tag;
  eight.setBigUint64(0, value, true);
  bytes.set(eightBytes, start + 1);
  return start + 9;
}
