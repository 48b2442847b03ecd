import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { ClientFrameSchema, type ServerFrame, ServerFrameSchema } from "../../gen/ts/tidewire/v1/frame_pb.js";

export type ClientFrameInit = MessageInitShape<typeof ClientFrameSchema>;

/** The largest length prefix that is read: four bytes of varint, 2^28 - 1. No frame comes near it. */
const prefixMaxBytes = 4;

/** One WebSocket message of these frames: each a varint length, then the encoded ClientFrame. */
export function encodeMessage(frames: readonly ClientFrameInit[]): Uint8Array {
  return joinFrames(frames.map((frame) => toBinary(ClientFrameSchema, create(ClientFrameSchema, frame))));
}

/** Puts a length before each encoded frame and joins them. */
export function joinFrames(frames: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(frames.flatMap((frame) => [encodeVarint(frame.length), frame]));
}

/**
 * Reads one WebSocket message of the server.
 * @throws Error that says what is wrong with it: no frame, a frame cut off, a length in more bytes than it needs, a
 * frame that is empty, that this contract does not know, or whose bytes are not the encoding of its known fields.
 */
export function decodeMessage(message: Uint8Array): ServerFrame[] {
  if (message.length === 0) throw new Error("the message holds no frame");
  return splitFrames(message).map(decodeFrame);
}

/** The encoded frames of a message, without their lengths. */
export function splitFrames(message: Uint8Array): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let offset = 0; offset < message.length; ) {
    const { value: size, next: start } = decodeVarint(message, offset);
    if (start + size > message.length) {
      throw new Error(`the frame at byte ${offset} has ${size} bytes, but ${message.length - start} are left`);
    }
    frames.push(message.subarray(start, start + size));
    offset = start + size;
  }
  return frames;
}

function decodeFrame(bytes: Uint8Array): ServerFrame {
  const frame = fromBinary(ServerFrameSchema, bytes, { readUnknownFields: false, recursionLimit: 8 });
  if (frame.frame.case === undefined) throw new Error("the frame is empty, or the contract does not know it");
  // What was skipped as unknown, read as another type, or not in its shortest form comes out otherwise or not at all.
  if (Buffer.compare(toBinary(ServerFrameSchema, frame), bytes) !== 0) {
    throw new Error(`the ${frame.frame.case} frame is not the encoding of its known fields`);
  }
  return frame;
}

/** Source: https://protobuf.dev/programming-guides/encoding/#varints */
function encodeVarint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  return Uint8Array.from([...bytes, rest]);
}

function decodeVarint(bytes: Uint8Array, offset: number): { value: number; next: number } {
  let value = 0;
  for (let index = 0; index < prefixMaxBytes; index++) {
    const byte = bytes[offset + index];
    if (byte === undefined) throw new Error(`the length at byte ${offset} is cut off`);
    value |= (byte & 0x7f) << (7 * index);
    if (byte >= 0x80) continue;
    if (byte === 0 && index > 0) throw new Error(`the length at byte ${offset} takes more bytes than it needs`);
    return { value, next: offset + index + 1 };
  }
  throw new Error(`the length at byte ${offset} takes more than ${prefixMaxBytes} bytes`);
}
