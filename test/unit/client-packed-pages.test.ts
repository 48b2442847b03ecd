import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { deflateRawSync } from "node:zlib";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import fc from "fast-check";
import { createArrivals, notFrames, type SocketEvent } from "../../clients/typescript/src/arrivals.js";
import { decodeServerFrames } from "../../clients/typescript/src/frames.js";
import { hasPackedPage, platformCompressions, unpackPages } from "../../clients/typescript/src/packed-pages.js";
import {
  Compression,
  ErrorSchema,
  HeartbeatOkSchema,
  type PackedPageSchema,
  type ServerFrame,
  type SyncPage,
  SyncPageSchema,
} from "../../gen/ts/tidewire/v1/frame_pb.js";
import { encode } from "../../runtime/binary.js";
import { encodeServerFrame } from "../support/model-server.js";

const plain = create(SyncPageSchema, {
  conversationId: 9n,
  headSeq: 300n,
  hasMore: true,
  messages: Array.from({ length: 200 }, (_, index) => ({
    conversationId: 9n,
    seq: BigInt(index + 1),
    content: { body: { case: "text" as const, value: { text: `said as number ${index}` } } },
  })),
});

/** What a service makes of a page; or what a hostile one does, by `bent`. */
function pack(page: Uint8Array, bent: MessageInitShape<typeof PackedPageSchema> = {}): Uint8Array {
  const packed = {
    compression: Compression.DEFLATE,
    unpackedBytes: page.length,
    bytes: deflateRawSync(page),
    ...bent,
  };
  return encodeServerFrame({ case: "syncPage", value: create(SyncPageSchema, { requestId: 7n, packed }) });
}

const plainBytes = encode(SyncPageSchema, plain);
const packedPage = pack(plainBytes);
const deflated = deflateRawSync(plainBytes);

function heartbeatOk(serverTimeMs: number): Uint8Array {
  return encodeServerFrame({
    case: "heartbeatOk",
    value: create(HeartbeatOkSchema, { serverTimeMs: BigInt(serverTimeMs) }),
  });
}

function message(...frames: Uint8Array[]): SocketEvent {
  return { kind: "socket-message", socket: 1, bytes: Buffer.concat(frames) };
}

/** As one word for each frame and event. */
function wordsOf(event: SocketEvent): string[] {
  if (event.kind !== "socket-message") return [event.kind];
  if (event.bytes === notFrames) return ["not-frames"];
  return decodeServerFrames(event.bytes).map(({ frame }) => wordOf(frame));
}

function wordOf(frame: ServerFrame["frame"]): string {
  if (frame.case === "heartbeatOk") return `heartbeat ${frame.value.serverTimeMs}`;
  if (frame.case === "syncPage") return `page of ${frame.value.messages.length}`;
  return String(frame.case);
}

function world() {
  const seen: string[] = [];
  const arrivals = createArrivals((event) => seen.push(...wordsOf(event)));
  return { seen, ...arrivals };
}

async function until(isSo: () => boolean): Promise<void> {
  for (let turns = 0; !isSo(); turns++) {
    assert.ok(turns < 300_000, "it does not become so");
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Resolves later than pages whose unpacking has begun before. */
async function longAfter(): Promise<void> {
  for (let times = 0; times < 5; times++) await unpackPages(packedPage);
}

function onlyPage(bytes: Uint8Array): SyncPage {
  const [only] = decodeServerFrames(bytes);
  assert.ok(only?.frame.case === "syncPage");
  return only.frame.value;
}

describe("a packed page", () => {
  it("is, unpacked, the page that it was, with its request_id", async () => {
    assert.deepEqual(platformCompressions(), [Compression.DEFLATE]);
    assert.equal(hasPackedPage(packedPage), true);
    const bytes = await unpackPages(packedPage);
    assert.equal(hasPackedPage(bytes), false);
    assert.deepEqual(onlyPage(bytes), { ...plain, requestId: 7n });
  });

  it("leaves the frames around it as they are", async () => {
    const all = Buffer.concat([heartbeatOk(1), packedPage, heartbeatOk(2), packedPage, heartbeatOk(3)]);
    const words = decodeServerFrames(await unpackPages(all)).map(({ frame }) => wordOf(frame));
    assert.deepEqual(words, ["heartbeat 1", "page of 200", "heartbeat 2", "page of 200", "heartbeat 3"]);
  });

  it("is not seen in anything else", () => {
    const page = encodeServerFrame({ case: "syncPage", value: plain });
    assert.equal(hasPackedPage(Buffer.concat([heartbeatOk(1), page])), false);
    assert.equal(hasPackedPage(packedPage.subarray(0, -1)), false); // cut short: for the core to refuse
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => typeof hasPackedPage(bytes) === "boolean"));
  });

  it("is not offered, and not unpacked, where the platform has no means for it", async () => {
    const { DecompressionStream: own } = globalThis;
    Reflect.deleteProperty(globalThis, "DecompressionStream");
    try {
      assert.deepEqual(platformCompressions(), []);
      await assert.rejects(unpackPages(packedPage));
    } finally {
      Object.assign(globalThis, { DecompressionStream: own });
    }
  });
});

describe("a hostile page", () => {
  const mib = 1_048_576;
  /** A page that there is nothing wrong with but its size. */
  const largePage = (bytes: number) => {
    const body = { case: "custom" as const, value: { payload: new Uint8Array(bytes) } };
    return encode(SyncPageSchema, create(SyncPageSchema, { messages: [{ content: { body } }] }));
  };
  const bombed = largePage(64 * mib);
  const bomb = deflateRawSync(bombed);
  const hostile: Record<string, Uint8Array> = {
    "unpacks to more than it says": pack(plainBytes, { unpackedBytes: plainBytes.length - 1 }),
    "unpacks to less than it says": pack(plainBytes, { unpackedBytes: plainBytes.length + 1 }),
    "says that it is empty": pack(plainBytes, { unpackedBytes: 0 }),
    "is larger than the contract allows": pack(largePage(mib)),
    "is, with the others of its message, larger than the contract allows": Buffer.concat([
      pack(largePage(mib / 2)),
      pack(largePage(mib / 2)),
    ]),
    "is a bomb that says what it is": pack(plainBytes, { bytes: bomb, unpackedBytes: bombed.length }),
    "is a bomb that says something else": pack(plainBytes, { bytes: bomb, unpackedBytes: mib }),
    "is cut short": pack(plainBytes, { bytes: deflated.subarray(0, -5) }),
    "is empty": pack(plainBytes, { bytes: new Uint8Array() }),
    "is rubbish": pack(plainBytes, { bytes: new Uint8Array(500).fill(255) }),
    "is packed as nobody offered": pack(plainBytes, { compression: 2 as Compression }),
    "is packed twice": pack(encode(SyncPageSchema, create(SyncPageSchema, { packed: { bytes: deflated } }))),
  };

  for (const [name, page] of Object.entries(hostile)) {
    it(`that ${name} is refused as bytes that are not frames`, async () => {
      await assert.rejects(unpackPages(page));
      const { seen, take } = world();
      take(message(heartbeatOk(1), page));
      await until(() => seen.length > 0);
      assert.deepEqual(seen, ["not-frames"]);
    });
  }

  it("costs no memory to speak of", async () => {
    const page = pack(plainBytes, { bytes: bomb, unpackedBytes: mib });
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    const watch = setInterval(() => {
      most = Math.max(most, process.memoryUsage().arrayBuffers - before);
    }, 1);
    await Promise.all(Array.from({ length: 8 }, () => assert.rejects(unpackPages(page))));
    clearInterval(watch);
    assert.ok(most < 32 * mib, `${most} bytes for 8 pages that would unpack to 64 MiB each`);
  });
});

describe("what a socket tells", () => {
  const advice = "a".repeat(1_500_000);
  const large = message(encodeServerFrame({ case: "error", value: create(ErrorSchema, { advice }) }));

  it("is handed on at once while no page is packed", () => {
    const { seen, take } = world();
    take({ kind: "socket-opened", socket: 1 });
    take(message(heartbeatOk(1), heartbeatOk(2)));
    take(message(encodeServerFrame({ case: "syncPage", value: plain })));
    take({ kind: "socket-closed", socket: 1, code: 1006 });
    assert.deepEqual(seen, ["socket-opened", "heartbeat 1", "heartbeat 2", "page of 200", "socket-closed"]);
  });

  it("waits for the packed page before it, and keeps its order", async () => {
    const { seen, take } = world();
    take(message(heartbeatOk(1)));
    take(message(heartbeatOk(2), packedPage, heartbeatOk(3)));
    take(message(heartbeatOk(4)));
    take(message(packedPage));
    take(message(heartbeatOk(5)));
    take({ kind: "socket-closed", socket: 1, code: 1006 });
    assert.deepEqual(seen, ["heartbeat 1"]);
    await until(() => seen.includes("socket-closed"));
    const rest = [
      "heartbeat 2",
      "page of 200",
      "heartbeat 3",
      "heartbeat 4",
      "page of 200",
      "heartbeat 5",
      "socket-closed",
    ];
    assert.deepEqual(seen, ["heartbeat 1", ...rest]);
  });

  it("is handed on at once again after that", async () => {
    const { seen, take } = world();
    take(message(packedPage));
    await until(() => seen.length > 0);
    take(message(heartbeatOk(1)));
    assert.deepEqual(seen, ["page of 200", "heartbeat 1"]);
  });

  it("is dropped with whatever is being unpacked, once nobody wants to hear of it", async () => {
    const { seen, take, drop } = world();
    take(message(packedPage));
    take(message(heartbeatOk(1)));
    drop();
    take(message(heartbeatOk(2)));
    await longAfter();
    assert.deepEqual(seen, []);
  });

  it("ends as a malformed message does where more waits than a sound server can have sent", async () => {
    const { seen, take } = world();
    take(message(packedPage));
    take(large);
    take(large);
    assert.deepEqual(seen, []);
    take(large);
    assert.deepEqual(seen, ["not-frames"]);
    await longAfter();
    assert.deepEqual(seen, ["not-frames"]);
  });

  it("may be as much again behind the next packed page", async () => {
    const { seen, take } = world();
    for (let times = 1; times <= 2; times++) {
      take(message(packedPage));
      take(large);
      take(large);
      await until(() => seen.length === 3 * times);
    }
    assert.ok(!seen.includes("not-frames"));
  });
});
