import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import {
  Compression,
  type PackedPage,
  ServerFrameSchema,
  SyncPageSchema,
} from "../../../gen/ts/tidewire/v1/frame_pb.js";

/** The contract's bound on what the pages of a WebSocket message unpack to, in bytes. */
const unpackedMaxBytes = 1_048_576;

/** A byte of DEFLATE stands for up to 1,032, and a platform may unpack all that it is given before it is asked for any of it. */
const sliceBytes = 1_024;

const syncPageField = ServerFrameSchema.field.syncPage.number;
const packedField = SyncPageSchema.field.packed.number;

/** What this platform can unpack. Browsers learned `deflate-raw` later than `DecompressionStream`. */
export function platformCompressions(): Compression[] {
  try {
    new DecompressionStream("deflate-raw");
    return [Compression.DEFLATE];
  } catch {
    return [];
  }
}

/** Whether a WebSocket message has a packed page in it. One that is no message at all has none. */
export function hasPackedPage(message: Uint8Array): boolean {
  try {
    return framesOf(message).some(isPacked);
  } catch {
    return false;
  }
}

/**
 * The same frames, none of them packed.
 * @throws Error if a page is not what it says, if they are larger than the contract allows, or if this platform cannot unpack them.
 */
export async function unpackPages(message: Uint8Array): Promise<Uint8Array> {
  const writer = new BinaryWriter();
  let leftBytes = unpackedMaxBytes;
  for (const frame of framesOf(message)) {
    const whole = isPacked(frame) ? await unpackFrame(frame, leftBytes) : frame;
    if (whole !== frame) leftBytes -= whole.length;
    writer.bytes(whole);
  }
  return writer.finish();
}

function framesOf(message: Uint8Array): Uint8Array[] {
  const reader = new BinaryReader(message);
  const frames: Uint8Array[] = [];
  while (reader.pos < reader.len) frames.push(reader.bytes());
  return frames;
}

/** Walks over a sync page's fields, which costs a twentieth of decoding it. */
function isPacked(frame: Uint8Array): boolean {
  const page = fieldOf(frame, syncPageField);
  return page !== undefined && fieldOf(page, packedField) !== undefined;
}

/** The bytes of the first field of this number, if there is one. */
function fieldOf(message: Uint8Array, number: number): Uint8Array | undefined {
  const reader = new BinaryReader(message);
  while (reader.pos < reader.len) {
    const [fieldNumber, wireType] = reader.tag();
    if (fieldNumber === number && wireType === WireType.LengthDelimited) return reader.bytes();
    reader.skip(wireType, fieldNumber);
  }
  return undefined;
}

/** What comes out follows what the page says besides: so does protobuf merge messages. */
async function unpackFrame(bytes: Uint8Array, maxBytes: number): Promise<Uint8Array> {
  const { frame } = fromBinary(ServerFrameSchema, bytes);
  if (frame.case !== "syncPage") throw new Error("a frame has a page and something else");
  const { packed, ...rest } = frame.value;
  const unpacked = await unpack(packed, maxBytes);
  if (fieldOf(unpacked, packedField) !== undefined) throw new Error("a page is packed twice");
  const writer = new BinaryWriter().tag(syncPageField, WireType.LengthDelimited).fork();
  return writer.raw(toBinary(SyncPageSchema, rest)).raw(unpacked).join().finish();
}

function unpack(packed: PackedPage | undefined, maxBytes: number): Promise<Uint8Array> {
  if (packed?.compression !== Compression.DEFLATE) throw new Error("a page is packed as nobody offered");
  if (packed.unpackedBytes > maxBytes) throw new Error("a page is larger than the contract allows");
  return inflate(packed.bytes, packed.unpackedBytes);
}

async function inflate(packed: Uint8Array, unpackedBytes: number): Promise<Uint8Array> {
  const { readable, writable } = new DecompressionStream("deflate-raw");
  feed(writable.getWriter(), packed).catch(() => {}); // whatever it is, the reader hears of it
  const reader = readable.getReader();
  const unpacked = new Uint8Array(unpackedBytes);
  let length = 0;
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    if (length + read.value.length > unpackedBytes) {
      reader.cancel().catch(() => {});
      throw new Error("a page is larger than it says");
    }
    unpacked.set(read.value, length);
    length += read.value.length;
  }
  if (length < unpackedBytes) throw new Error("a page is smaller than it says");
  return unpacked;
}

async function feed(writer: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>, bytes: Uint8Array): Promise<void> {
  for (let start = 0; start < bytes.length; start += sliceBytes) {
    await writer.ready;
    await writer.write(bytes.slice(start, start + sliceBytes));
  }
  await writer.close();
}
