/**
 * Writing varints (Protocol Buffers encoding, "Base 128 Varints") where a message is laid out by hand: into bytes that are there and
 * large enough, because they were measured first.
 */

/** How many bytes a whole number takes, of 0 to 2⁵³ − 1. */
export function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest > 0x7f; rest = Math.floor(rest / 128)) length++;
  return length;
}

/** As `varintLength`, of 0 to 2⁶⁴ − 1. */
export function varint64Length(value: bigint): number {
  return value <= numberMax ? varintLength(Number(value)) : 1 + varint64Length(value >> 7n);
}

/** Writes a whole number of 0 to 2⁵³ − 1. Returns where it ends. */
export function writeVarint(bytes: Uint8Array, start: number, value: number): number {
  let offset = start;
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes[offset++] = (rest % 128) | 0x80;
  bytes[offset++] = rest;
  return offset;
}

/** As `writeVarint`, of 0 to 2⁶⁴ − 1. */
export function writeVarint64(bytes: Uint8Array, start: number, value: bigint): number {
  if (value <= numberMax) return writeVarint(bytes, start, Number(value));
  bytes[start] = Number(value & 0x7fn) | 0x80;
  return writeVarint64(bytes, start + 1, value >> 7n);
}

/** Up to here a number is exact, and many times faster than a bigint. */
const numberMax = BigInt(Number.MAX_SAFE_INTEGER);
