/** What a WebSocket message of the gateway holds. */
export type FoundPushes = Readonly<{
  pushes: number;
  /** Frames of any other kind. */
  others: number;
  /** The last frame, if it is a push: an encoded ServerFrame. A view, not a copy. */
  lastPush: Uint8Array | undefined;
}>;

/** The first byte of a ServerFrame that holds a push: field 5, length-delimited. */
const pushTag = (5 << 3) | 2;

/**
 * Counts the pushes of a WebSocket message without decoding them: the clock is running.
 * @throws Error if it is not a row of whole frames.
 */
export function findPushes(message: Uint8Array): FoundPushes {
  const at = { offset: 0 };
  let pushes = 0;
  let others = 0;
  let lastPush: Uint8Array | undefined;
  let lastStart = 0;
  while (at.offset < message.length) {
    const length = readLength(message, at);
    lastStart = at.offset;
    if (message[lastStart] === pushTag) pushes++;
    else others++;
    at.offset += length;
  }
  if (at.offset > message.length) throw new Error("the gateway sent a frame that is cut short");
  if (message[lastStart] === pushTag) lastPush = message.subarray(lastStart);
  return { pushes, others, lastPush };
}

/** A varint. Frames of up to 16 KiB have one of one or two bytes. */
function readLength(message: Uint8Array, at: { offset: number }): number {
  let byte = message[at.offset++] ?? 0;
  let length = byte & 0x7f;
  for (let shift = 7; byte >= 0x80; shift += 7) {
    byte = message[at.offset++] ?? 0;
    length |= (byte & 0x7f) << shift;
  }
  if (length <= 0) throw new Error("the gateway sent an empty frame");
  return length;
}
