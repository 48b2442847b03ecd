/** A WebSocket message in the inbox: where its payload lies, and when its last byte arrived. */
export type Arrival = Readonly<{ kind: "binary" | "close" | "ping"; start: number; end: number; atMs: number }>;

/**
 * What a server has sent over one WebSocket since `clear`, in one piece of memory: the kernel writes straight into it, so
 * that receiving costs the generator next to nothing while the clock runs. Source: RFC 6455 §5.2.
 */
export interface Inbox {
  /** Where the next bytes are to be put. */
  space(): Uint8Array;
  /**
   * `count` bytes were put there at `atMs`. Returns the messages that they complete.
   * @throws Error if a server must not send such a thing: a fragment, a masked or a text message.
   */
  commit(count: number, atMs: number): Arrival[];
  /** All that arrived since `clear`. */
  readonly arrivals: readonly Arrival[];
  /** A view that is valid until `clear`. */
  payloadOf(arrival: Arrival): Uint8Array;
  /** Forgets all complete messages. */
  clear(): void;
}

/** The most space to offer: what a socket's buffer may hold at once. */
const spaceMaxBytes = 64 * 1024;
/** The least: thousands of sockets of which little is expected take little memory. */
const spaceMinBytes = 2 * 1024;

/** @param expectedBytes what is expected between two calls of `clear`; more is taken, at the cost of a copy. */
export function createInbox(expectedBytes: number): Inbox {
  const spaceBytes = Math.min(spaceMaxBytes, Math.max(spaceMinBytes, expectedBytes));
  let bytes = new Uint8Array(expectedBytes + spaceBytes);
  let filled = 0;
  /** Where the first incomplete message starts. */
  let parsed = 0;
  let arrivals: Arrival[] = [];
  /** Set by `clear`: the space that was given out last is still where the next bytes will be put. */
  let isStale = false;

  /** Begins anew with what is not part of a forgotten message. */
  function moveToFront() {
    bytes.copyWithin(0, parsed, filled);
    filled -= parsed;
    parsed = 0;
    isStale = false;
  }

  /** The next complete message, if there is one. */
  function parseNext(atMs: number): Arrival | undefined {
    const header = readHeader(bytes, parsed, filled);
    if (header === undefined || header.end > filled) return undefined;
    parsed = header.end;
    return { ...header, atMs };
  }

  return {
    get arrivals() {
      return arrivals;
    },
    space() {
      if (bytes.length - filled < spaceBytes) bytes = enlarged(bytes);
      return bytes.subarray(filled, filled + spaceBytes);
    },
    commit(count, atMs) {
      filled += count;
      if (isStale) moveToFront();
      const completed: Arrival[] = [];
      for (let next = parseNext(atMs); next; next = parseNext(atMs)) completed.push(next);
      arrivals.push(...completed);
      return completed;
    },
    payloadOf: ({ start, end }) => bytes.subarray(start, end),
    clear() {
      arrivals = [];
      isStale = true;
    },
  };
}

function enlarged(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(2 * bytes.length);
  larger.set(bytes);
  return larger;
}

type Header = Readonly<{ kind: Arrival["kind"]; start: number; end: number }>;

const kinds: Readonly<Record<number, Arrival["kind"]>> = { 2: "binary", 8: "close", 9: "ping" };

/** Undefined while the header itself is incomplete. */
function readHeader(bytes: Uint8Array, at: number, filled: number): Header | undefined {
  if (filled < at + 2) return undefined;
  const [first = 0, second = 0] = [bytes[at], bytes[at + 1]];
  const kind = kinds[first & 0x0f];
  if ((first & 0xf0) !== 0x80 || kind === undefined || second > 127) {
    throw new Error(`the server sent a WebSocket header that it must not send: ${first}, ${second}`);
  }
  const sizeBytes = second < 126 ? 0 : (lengthBytes[second - 126] ?? 0);
  const start = at + 2 + sizeBytes;
  if (filled < start) return undefined;
  return { kind, start, end: start + (sizeBytes === 0 ? second : readNumber(bytes, at + 2, start)) };
}

/** Of the lengths that are announced by 126 and 127. */
const lengthBytes = [2, 8] as const;

function readNumber(bytes: Uint8Array, start: number, end: number): number {
  let value = 0;
  for (let at = start; at < end; at++) value = value * 256 + (bytes[at] ?? 0);
  return value;
}
