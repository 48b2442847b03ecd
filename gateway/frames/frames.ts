import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { type ServerFrame, ServerFrameSchema, SyncPageSchema, UpMsgSchema } from "../../gen/ts/tidewire/v1/frame_pb.js";
import { decode, encode } from "../../runtime/binary.js";
import { TidewireError } from "../../runtime/error.js";
import { varintLength, writeVarint } from "../../runtime/varint.js";

/** What `splitFrames` accepts. Sizes in bytes. */
export type FrameLimits = Readonly<{ messageMaxBytes: number; frameMaxBytes: number; framesPerMessageMax: number }>;

/** The number of the oneof field that a frame sets, and that field's encoded message. A view, not a copy. */
export type PeekedFrame = Readonly<{ number: number; body: Uint8Array }>;

/**
 * Cuts a binary WebSocket message into its frames.
 * @throws TidewireError `FRAME_TOO_LARGE`, `TOO_MANY_FRAMES`, or `MALFORMED` for a truncated frame and an empty message.
 */
export function splitFrames(message: Uint8Array, limits: FrameLimits): Uint8Array[] {
  if (message.length > limits.messageMaxBytes) {
    throw new TidewireError(
      ErrorCode.FRAME_TOO_LARGE,
      `a message has ${message.length} bytes, ${limits.messageMaxBytes} are allowed`,
    );
  }
  if (message.length === 0) throw new TidewireError(ErrorCode.MALFORMED, "a message has no frame");
  const frames: Uint8Array[] = [];
  const at = { offset: 0 };
  while (at.offset < message.length) {
    const length = readVarint32(message, at);
    if (length > limits.frameMaxBytes) {
      throw new TidewireError(
        ErrorCode.FRAME_TOO_LARGE,
        `a frame has ${length} bytes, ${limits.frameMaxBytes} are allowed`,
      );
    }
    if (at.offset + length > message.length) throw new TidewireError(ErrorCode.MALFORMED, "a frame is cut short");
    if (frames.length === limits.framesPerMessageMax) {
      throw new TidewireError(ErrorCode.TOO_MANY_FRAMES, `more than ${limits.framesPerMessageMax} frames in a message`);
    }
    frames.push(message.subarray(at.offset, at.offset + length));
    at.offset += length;
  }
  return frames;
}

/**
 * Reads which frame it is, without decoding it: most frames go on as bytes.
 * @throws TidewireError `MALFORMED` unless it is exactly one length-delimited field.
 */
export function peekFrame(frame: Uint8Array): PeekedFrame {
  const at = { offset: 0 };
  const tag = readVarint32(frame, at);
  if ((tag & 7) !== LENGTH_DELIMITED) throw new TidewireError(ErrorCode.MALFORMED, "a frame does not hold a message");
  const length = readVarint32(frame, at);
  if (at.offset + length !== frame.length)
    throw new TidewireError(ErrorCode.MALFORMED, "a frame holds more or less than one message");
  return { number: Math.floor(tag / 8), body: frame.subarray(at.offset) };
}

/**
 * Reads the client_id of an encoded UpMsg. The rest is decoded where it is stored, and refused there if it is rubbish.
 * @throws TidewireError `MALFORMED` if it is missing, 0, or not the first field (every protobuf runtime writes fields by
 * rising number), or if another one further back would let the next reader see another id.
 */
export function peekClientId(upMsg: Uint8Array): bigint {
  if (upMsg[0] !== CLIENT_ID_TAG)
    throw new TidewireError(ErrorCode.MALFORMED, "an up_msg begins with its client_id, which is 1 or more");
  const at = { offset: 1 };
  const clientId = readVarint64(upMsg, at);
  if (clientId === 0n) throw new TidewireError(ErrorCode.MALFORMED, "client_ids begin with 1");
  if (isContradicted(upMsg, at, clientId)) throw new TidewireError(ErrorCode.MALFORMED, "an up_msg has two client_ids");
  return clientId;
}

/** Encodes a frame with its length prefix, ready for the socket. */
export function encodeFrame(frame: MessageInitShape<typeof ServerFrameSchema>["frame"] & object): Uint8Array {
  const body = encode(ServerFrameSchema, create(ServerFrameSchema, { frame }) as ServerFrame);
  const prefixed = new Uint8Array(varintLength(body.length) + body.length);
  prefixed.set(body, writeVarint(prefixed, 0, body.length));
  return prefixed;
}

/**
 * As `encodeFrame`, for a SyncPage that is encoded but for its request_id: that goes before it, as the first of its fields.
 * @param page an encoded SyncPage without a request_id.
 */
export function encodeSyncPage(requestId: bigint, page: Uint8Array): Uint8Array {
  const head = encode(SyncPageSchema, create(SyncPageSchema, { requestId }));
  const pageLength = head.length + page.length;
  const bodyLength = 1 + varintLength(pageLength) + pageLength;
  const frame = new Uint8Array(varintLength(bodyLength) + bodyLength);
  let offset = writeVarint(frame, 0, bodyLength);
  frame[offset++] = SYNC_PAGE_TAG;
  offset = writeVarint(frame, offset, pageLength);
  frame.set(head, offset);
  frame.set(page, offset + head.length);
  return frame;
}

/** Joins frames, or chunks of a body, into one array. */
export function concat(chunks: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(chunks.reduce((bytes, chunk) => bytes + chunk.length, 0));
  let offset = 0;
  for (const chunk of chunks) {
    joined.set(chunk, offset);
    offset += chunk.length;
  }
  return joined;
}

const LENGTH_DELIMITED = 2;
/** Of ServerFrame's field sync_page. */
const SYNC_PAGE_TAG = (6 << 3) | LENGTH_DELIMITED;
/** The tags of UpMsg: field number and wire type. */
const CLIENT_ID_TAG = 0x08;
const CONVERSATION_ID_TAG = 0x11;
const PEER_USER_ID_TAG = 0x19;
const CONTENT_TAG = 0x22;

function readVarint32(bytes: Uint8Array, at: { offset: number }): number {
  let value = 0;
  for (let shift = 0; shift < 35; shift += 7) {
    const byte = bytes[at.offset++];
    if (byte === undefined) throw new TidewireError(ErrorCode.MALFORMED, "a number is cut short");
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return value;
  }
  throw new TidewireError(ErrorCode.MALFORMED, "a number is too long");
}

/** Decodes only what is not laid out as every runtime does it: a walk over two fields costs a tenth of that. */
function isContradicted(upMsg: Uint8Array, at: { offset: number }, clientId: bigint): boolean {
  try {
    return !isPlain(upMsg, at) && decode(UpMsgSchema, upMsg).clientId !== clientId;
  } catch {
    return false; // its refusal has to be durable, and for that its id is enough
  }
}

/** True if a target and a content are all that follows. */
function isPlain(upMsg: Uint8Array, at: { offset: number }): boolean {
  const tag = upMsg[at.offset];
  if (tag === CONVERSATION_ID_TAG || tag === PEER_USER_ID_TAG) at.offset += 9;
  if (upMsg[at.offset++] !== CONTENT_TAG) return false;
  const length = readVarint32(upMsg, at);
  return at.offset + length === upMsg.length;
}

function readVarint64(bytes: Uint8Array, at: { offset: number }): bigint {
  let value = 0n;
  for (let shift = 0n; shift < 70n; shift += 7n) {
    const byte = bytes[at.offset++];
    if (byte === undefined) throw new TidewireError(ErrorCode.MALFORMED, "a number is cut short");
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return BigInt.asUintN(64, value);
  }
  throw new TidewireError(ErrorCode.MALFORMED, "a number is too long");
}
