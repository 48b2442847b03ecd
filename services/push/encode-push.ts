import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { MessageSchema } from "../../gen/ts/tidewire/v1/content_pb.js";
import { PushSchema, ServerFrameSchema } from "../../gen/ts/tidewire/v1/frame_pb.js";
import type { Committed } from "./committed.js";

const pushField = ServerFrameSchema.field.push.number;
const messageField = PushSchema.field.message.number;
const field = MessageSchema.field;

/**
 * Encodes an entry as the one frame that all its readers get: a varint length, then `ServerFrame{push{message}}`. The same
 * bytes as the generated code writes, but the content is copied as it was stored instead of being decoded first.
 */
export function encodePush(entry: Committed): Uint8Array {
  const writer = new BinaryWriter().fork();
  writer.tag(pushField, WireType.LengthDelimited).fork();
  writer.tag(messageField, WireType.LengthDelimited).fork();
  writeFixed64(writer, field.conversationId.number, entry.conversationId);
  writeVarint(writer, field.seq.number, entry.seq);
  writeFixed64(writer, field.messageId.number, entry.messageId);
  writeFixed64(writer, field.senderId.number, entry.senderId);
  writeVarint(writer, field.senderDevice.number, BigInt(entry.senderDevice));
  writeVarint(writer, field.clientId.number, entry.clientId);
  writeVarint(writer, field.sentAtMs.number, entry.sentAtMs);
  writeVarint(writer, field.counter.number, entry.counter);
  writer.tag(field.content.number, WireType.LengthDelimited).bytes(entry.content);
  return writer.join().join().join().finish();
}

/** Proto3 leaves zeros out. */
function writeFixed64(writer: BinaryWriter, number: number, value: bigint): void {
  if (value !== 0n) writer.tag(number, WireType.Bit64).fixed64(value);
}

/** For uint32, uint64 and int64 alike, as long as the value is not negative. */
function writeVarint(writer: BinaryWriter, number: number, value: bigint): void {
  if (value !== 0n) writer.tag(number, WireType.Varint).uint64(value);
}
