import type { Cursor } from "../../gen/ts/tidewire/v1/frame_pb.js";

/** The tags of Ack and Cursor: field number and wire type. */
const CURSOR_TAG = 0x0a;
const CONVERSATION_ID_TAG = 0x09;
const SEQ_TAG = 0x10;
/** Both tags, the fixed64, and at least one byte of the seq. */
const CURSOR_MIN_BYTES = 11;
/** As many as the contract allows. What to say of more is decided elsewhere. */
const CURSORS_MAX = 500;
/** A seq below 2⁴⁹, which a JavaScript number holds while it is put together. */
const SEQ_MAX_BYTES = 7;

/**
 * Reads the cursors of an encoded Ack that is laid out as every protobuf runtime does it: acks are the most frequent frames by far,
 * and this takes a fraction of the time of decoding them. Undefined: it is laid out in some other way, lawful or not.
 */
export function readCursors(ack: Uint8Array): Pick<Cursor, "conversationId" | "seq">[] | undefined {
  const view = new DataView(ack.buffer, ack.byteOffset, ack.byteLength);
  const cursors: Pick<Cursor, "conversationId" | "seq">[] = [];
  for (let start = 0; start < ack.length; ) {
    const length = ack[start + 1] ?? 0;
    const end = start + 2 + length;
    const isPlain =
      cursors.length < CURSORS_MAX &&
      ack[start] === CURSOR_TAG &&
      length >= CURSOR_MIN_BYTES &&
      end <= ack.length &&
      ack[start + 2] === CONVERSATION_ID_TAG &&
      ack[start + 11] === SEQ_TAG;
    const seq = isPlain ? readSeq(ack, start + 12, end) : undefined;
    if (seq === undefined) return undefined;
    cursors.push({ conversationId: view.getBigUint64(start + 3, true), seq: BigInt(seq) });
    start = end;
  }
  return cursors;
}

/** A varint that fills the bytes from `start` up to `end`. */
function readSeq(bytes: Uint8Array, start: number, end: number): number | undefined {
  if (end - start > SEQ_MAX_BYTES) return undefined;
  let seq = 0;
  let unit = 1;
  for (let offset = start; offset < end; offset++, unit *= 128) {
    const byte = bytes[offset] ?? 0;
    const isLast = offset === end - 1;
    if (byte < 0x80 !== isLast) return undefined;
    seq += (byte & 0x7f) * unit;
  }
  return seq;
}
