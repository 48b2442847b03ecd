import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import {
  type ClientFrame,
  ClientFrameSchema,
  type ServerFrame,
  ServerFrameSchema,
} from "../../../gen/ts/tidewire/v1/frame_pb.js";
import type { ClientLimits } from "./limits.js";

/** Nothing that the contract defines nests deeper. */
const recursionLimit = 8;

/** A frame as it travels: a varint length, then the encoded ClientFrame. */
export function encodeFrame(frame: ClientFrame["frame"]): Uint8Array {
  const body = toBinary(ClientFrameSchema, create(ClientFrameSchema, { frame }));
  return new BinaryWriter().bytes(body).finish();
}

/** Reads back what `encodeFrame` wrote. Throws if it is anything else. */
export function decodeClientFrame(bytes: Uint8Array): ClientFrame["frame"] {
  const body = new BinaryReader(bytes).bytes();
  return fromBinary(ClientFrameSchema, body, { readUnknownFields: false, recursionLimit }).frame;
}

/** All frames of one WebSocket message. Throws if the bytes are not whole frames. */
export function decodeServerFrames(bytes: Uint8Array): ServerFrame[] {
  const reader = new BinaryReader(bytes);
  const frames: ServerFrame[] = [];
  while (reader.pos < reader.len) {
    const body = reader.bytes();
    frames.push(fromBinary(ServerFrameSchema, body, { readUnknownFields: false, recursionLimit }));
  }
  return frames;
}

/** Packs encoded frames, in order, into as few WebSocket messages as the limits allow. */
export function packFrames(frames: readonly Uint8Array[], limits: ClientLimits): Uint8Array[] {
  const messages: Uint8Array[] = [];
  let pack: Uint8Array[] = [];
  let packBytes = 0;
  const flush = () => {
    if (pack.length > 0) messages.push(concatenate(pack, packBytes));
    pack = [];
    packBytes = 0;
  };
  for (const frame of frames) {
    const full = pack.length >= limits.framesPerMessageMax || packBytes + frame.length > limits.messageMaxBytes;
    if (full) flush();
    pack.push(frame);
    packBytes += frame.length;
  }
  flush();
  return messages;
}

function concatenate(parts: readonly Uint8Array[], totalBytes: number): Uint8Array {
  const whole = new Uint8Array(totalBytes);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
