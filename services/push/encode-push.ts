import type { DescField } from "@bufbuild/protobuf";
import { WireType } from "@bufbuild/protobuf/wire";
import { MessageSchema } from "../../gen/ts/tidewire/v1/content_pb.js";
import { PushSchema, ServerFrameSchema } from "../../gen/ts/tidewire/v1/frame_pb.js";
import { varint64Length, varintLength, writeVarint, writeVarint64 } from "../../runtime/varint.js";
import type { Committed } from "./committed.js";

const { field } = MessageSchema;
const tags = {
  push: tagOf(ServerFrameSchema.field.push, WireType.LengthDelimited),
  message: tagOf(PushSchema.field.message, WireType.LengthDelimited),
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

/**
 * Encodes an entry as the one frame that all its readers get: a varint length, then `ServerFrame{push{message}}`. The same
 * bytes as the generated code writes, but measured first, so that they are written where they stay, and the content is copied as it was
 * stored instead of being decoded.
 */
export function encodePush(entry: Committed): Uint8Array {
  const messageLength = lengthOfMessage(entry);
  const pushLength = lengthOfBytes(messageLength);
  const frameLength = lengthOfBytes(pushLength);
  const frame = Buffer.allocUnsafe(varintLength(frameLength) + frameLength);
  let offset = writeVarint(frame, 0, frameLength);
  offset = writeHead(frame, offset, tags.push, pushLength);
  offset = writeHead(frame, offset, tags.message, messageLength);
  writeMessage(frame, offset, entry);
  return frame;
}

function lengthOfMessage(entry: Committed): number {
  return (
    lengthOfFixed64(entry.conversationId) +
    lengthOfVarint64(entry.seq) +
    lengthOfFixed64(entry.messageId) +
    lengthOfFixed64(entry.senderId) +
    lengthOfVarint(entry.senderDevice) +
    lengthOfVarint64(entry.clientId) +
    lengthOfVarint64(entry.sentAtMs) +
    lengthOfVarint64(entry.counter) +
    lengthOfBytes(entry.content.length)
  );
}

function writeMessage(bytes: Uint8Array, start: number, entry: Committed): void {
  let offset = writeFixed64(bytes, start, tags.conversationId, entry.conversationId);
  offset = writeField64(bytes, offset, tags.seq, entry.seq);
  offset = writeFixed64(bytes, offset, tags.messageId, entry.messageId);
  offset = writeFixed64(bytes, offset, tags.senderId, entry.senderId);
  if (entry.senderDevice !== 0) offset = writeHead(bytes, offset, tags.senderDevice, entry.senderDevice);
  offset = writeField64(bytes, offset, tags.clientId, entry.clientId);
  offset = writeField64(bytes, offset, tags.sentAtMs, entry.sentAtMs);
  offset = writeField64(bytes, offset, tags.counter, entry.counter);
  offset = writeHead(bytes, offset, tags.content, entry.content.length);
  bytes.set(entry.content, offset);
}

/** Fields up to number 15 have a tag of one byte. */
function tagOf({ number }: DescField, wireType: WireType): number {
  if (number > 15) throw new Error(`the tag of field ${number} is longer than a byte`);
  return (number << 3) | wireType;
}

// Proto3 leaves zeros out.
const lengthOfFixed64 = (value: bigint) => (value === 0n ? 0 : 9);
const lengthOfVarint64 = (value: bigint) => (value === 0n ? 0 : 1 + varint64Length(value));
const lengthOfVarint = (value: number) => (value === 0 ? 0 : 1 + varintLength(value));
const lengthOfBytes = (length: number) => 1 + varintLength(length) + length;

/** A tag, and a varint: the value of a field, or the length of what follows. */
function writeHead(bytes: Uint8Array, start: number, tag: number, value: number): number {
  bytes[start] = tag;
  return writeVarint(bytes, start + 1, value);
}

function writeField64(bytes: Uint8Array, start: number, tag: number, value: bigint): number {
  if (value === 0n) return start;
  bytes[start] = tag;
  return writeVarint64(bytes, start + 1, value);
}

/** Eight bytes that all share: a view of each frame would cost more than it does. */
const eight = new DataView(new ArrayBuffer(8));
const eightBytes = new Uint8Array(eight.buffer);

function writeFixed64(bytes: Uint8Array, start: number, tag: number, value: bigint): number {
  if (value === 0n) return start;
  bytes[start] = tag;
  eight.setBigUint64(0, value, true);
  bytes.set(eightBytes, start + 1);
  return start + 9;
}
