/**
 * The format of a journal: a header, then batches, each as its length (u32, little-endian), the CRC-32 of its payload
 * (u32, little-endian) and the payload. A process that is killed while it writes leaves a torn tail: a batch that is too
 * short, or whose checksum is wrong. It ends the journal, and is cut off.
 */

const header = Uint8Array.of(0x54, 0x57, 0x4a, 0x31); // "TWJ1"
const prefixBytes = 8;

export const journalHeader: Uint8Array = header;

/** One batch, ready to be appended. */
export function encodeBatch(payload: Uint8Array): Uint8Array {
  const batch = new Uint8Array(prefixBytes + payload.length);
  const view = new DataView(batch.buffer);
  view.setUint32(0, payload.length, true);
  view.setUint32(4, crc32(payload), true);
  batch.set(payload, prefixBytes);
  return batch;
}

/**
 * The payloads of all whole batches, and how many bytes of the journal they end at.
 * @throws Error if the bytes do not begin as a journal does: then it is some other file, and must not be cut.
 */
export function readJournal(bytes: Uint8Array): { payloads: Uint8Array[]; endBytes: number } {
  const start = bytes.subarray(0, header.length);
  if (!start.every((byte, index) => byte === header[index])) throw new Error("this file is not a journal");
  const payloads: Uint8Array[] = [];
  let endBytes = Math.min(bytes.length, header.length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  while (bytes.length - endBytes >= prefixBytes) {
    const payloadBytes = view.getUint32(endBytes, true);
    const payload = bytes.subarray(endBytes + prefixBytes, endBytes + prefixBytes + payloadBytes);
    // An empty batch is never written, and eight zero bytes would pass for one.
    if (payloadBytes === 0 || payload.length < payloadBytes) break;
    if (crc32(payload) !== view.getUint32(endBytes + 4, true)) break;
    payloads.push(payload);
    endBytes += prefixBytes + payloadBytes;
  }
  return { payloads, endBytes };
}

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

/** CRC-32 as in ISO 3309. Node has one of its own from version 22 on. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ (crcTable[(crc ^ byte) & 0xff] ?? 0);
  return (crc ^ 0xffffffff) >>> 0;
}
