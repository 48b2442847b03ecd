import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

/** One field of an encoded message. A message is a list of them, so that it can be bent before it becomes bytes. */
export type WireField = { number: number; value: WireValue };

export type WireValue =
  /** @property paddingBytes How much longer it is than it need be; more than ten bytes are no varint. */
  | { wire: "varint"; value: bigint; paddingBytes: number }
  | { wire: "fixed64"; value: bigint }
  | { wire: "fixed32"; value: number }
  | { wire: "bytes"; bytes: Uint8Array }
  /** @property lieBytes By how much its length is wrong. */
  | { wire: "message"; fields: WireField[]; lieBytes: number }
  /** Groups within groups, with no end. */
  | { wire: "groups"; depth: number };

/** Encodes a message as any protobuf runtime would, but for what is bent in it. */
export function encodeFields(fields: readonly WireField[]): Uint8Array {
  const writer = new BinaryWriter();
  for (const field of fields) write(writer, field);
  return writer.finish();
}

export function varint(value: bigint, paddingBytes = 0): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  if (paddingBytes === 0) return Uint8Array.of(...bytes, Number(rest));
  return Uint8Array.of(...bytes, Number(rest) | 0x80, ...new Array<number>(paddingBytes - 1).fill(0x80), 0);
}

/** All lists of fields in a message, its own first, then those of the messages in it. */
export function listsOf(fields: WireField[]): WireField[][] {
  const lists = [fields];
  for (const { value } of fields) if (value.wire === "message") lists.push(...listsOf(value.fields));
  return lists;
}

function write(writer: BinaryWriter, { number, value }: WireField) {
  switch (value.wire) {
    case "varint":
      return tag(writer, number, WireType.Varint).raw(varint(value.value, value.paddingBytes));
    case "fixed64":
      return tag(writer, number, WireType.Bit64).fixed64(BigInt.asUintN(64, value.value));
    case "fixed32":
      return tag(writer, number, WireType.Bit32).fixed32(value.value >>> 0);
    case "bytes":
      return tag(writer, number, WireType.LengthDelimited).bytes(value.bytes);
    case "message":
      return writeMessage(tag(writer, number, WireType.LengthDelimited), value.fields, value.lieBytes);
    case "groups":
      for (let depth = 0; depth < value.depth; depth++) tag(writer, number, WireType.StartGroup);
  }
}

function writeMessage(writer: BinaryWriter, fields: readonly WireField[], lieBytes: number) {
  const body = encodeFields(fields);
  writer.uint32(Math.min(2 ** 32 - 1, Math.max(0, body.length + lieBytes))).raw(body);
}

/** Number 0 and numbers past the largest one are written as they are: a reader has to cope. */
function tag(writer: BinaryWriter, number: number, wire: WireType): BinaryWriter {
  return writer.uint32(((number << 3) | wire) >>> 0);
}
