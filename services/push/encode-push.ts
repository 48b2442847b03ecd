import { WireType } from "@bufbuild/protobuf/wire";
import { PushSchema, ServerFrameSchema } from "../../gen/ts/tidewire/v1/frame_pb.js";
import { varintLength, writeVarint } from "../../runtime/varint.js";
import { lengthOfBytes, lengthOfMessage, tagOf, writeHead, writeMessage } from "../message/encode-message.js";
import type { Committed } from "./committed.js";

const pushTag = tagOf(ServerFrameSchema.field.push, WireType.LengthDelimited);
const messageTag = tagOf(PushSchema.field.message, WireType.LengthDelimited);

/**
 * Encodes an entry as the one frame that all its readers get: a varint length, then `ServerFrame{push{message}}`. The same
 * bytes as the generated code writes.
 */
export function encodePush(entry: Committed): Uint8Array {
  const messageLength = lengthOfMessage(entry);
  const pushLength = lengthOfBytes(messageLength);
  const frameLength = lengthOfBytes(pushLength);
  const frame = allocate(varintLength(frameLength) + frameLength);
  let offset = writeVarint(frame, 0, frameLength);
  offset = writeHead(frame, offset, pushTag, pushLength);
  offset = writeHead(frame, offset, messageTag, messageLength);
  writeMessage(frame, offset, entry);
  return frame;
}

/** Of the pool that Node keeps for small buffers: memory of its own costs more than writing the frame does. */
function allocate(length: number): Uint8Array {
  const { buffer, byteOffset } = Buffer.allocUnsafe(length);
  return new Uint8Array(buffer, byteOffset, length);
}
