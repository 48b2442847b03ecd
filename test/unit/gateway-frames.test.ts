import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import fc from "fast-check";
import {
  concat,
  encodeFrame,
  encodeSyncPage,
  peekClientId,
  peekFrame,
  splitFrames,
} from "../../gateway/frames/frames.js";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { ServerFrameSchema, SyncPageSchema, UpMsgSchema } from "../../gen/ts/tidewire/v1/frame_pb.js";
import { decode } from "../../runtime/binary.js";
import { TidewireError } from "../../runtime/error.js";

const limits = { messageMaxBytes: 1_000, frameMaxBytes: 400, framesPerMessageMax: 5 };

/** A frame's bytes behind their length, which may be a lie. */
function prefixed(body: Uint8Array, length = body.length): Uint8Array {
  return concat([new BinaryWriter().uint32(length).finish(), body]);
}

function codeOf(run: () => unknown): ErrorCode | undefined {
  try {
    run();
  } catch (error) {
    if (error instanceof TidewireError) return error.code;
    throw error;
  }
  return undefined;
}

const split = (...bytes: number[]) => splitFrames(Uint8Array.from(bytes), limits);
const splitCode = (message: Uint8Array) => codeOf(() => splitFrames(message, limits));
const overlong = (continued: number, last: number) => [...new Array<number>(continued).fill(0x80), last];

describe("splitFrames", () => {
  it("cuts a message into its frames, empty ones included", () => {
    assert.deepEqual(
      split(1, 10, 0, 2, 20, 21).map((frame) => [...frame]),
      [[10], [], [20, 21]],
    );
  });

  it("returns views into the message", () => {
    const message = Uint8Array.of(1, 10);
    assert.equal(splitFrames(message, limits)[0]?.buffer, message.buffer);
  });

  it("finds the same frames in whatever way they were packed", () => {
    const bodies = fc.array(fc.uint8Array({ maxLength: 150 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(bodies, (frames) => {
        const message = concat(frames.map((frame) => prefixed(frame)));
        assert.deepEqual(
          splitFrames(message, limits).map((frame) => [...frame]),
          frames.map((frame) => [...frame]),
        );
      }),
    );
  });

  it("refuses a message that is cut short, wherever", () => {
    const message = concat([prefixed(new Uint8Array(3)), prefixed(new Uint8Array(200))]);
    for (let length = 0; length < message.length; length++) {
      const isWhole = length === 4; // after the first frame
      assert.equal(
        splitCode(message.subarray(0, length)),
        isWhole ? undefined : ErrorCode.MALFORMED,
        `${length} bytes`,
      );
    }
  });

  it("refuses a message or frame over the limits, to the byte", () => {
    const halves = [prefixed(new Uint8Array(400)), prefixed(new Uint8Array(400))];
    assert.equal(splitCode(concat([...halves, prefixed(new Uint8Array(194))])), undefined);
    assert.equal(splitCode(concat([...halves, prefixed(new Uint8Array(195))])), ErrorCode.FRAME_TOO_LARGE);
    assert.equal(splitCode(prefixed(new Uint8Array(401))), ErrorCode.FRAME_TOO_LARGE);
  });

  it("refuses one frame more than the limit", () => {
    assert.equal(split(0, 0, 0, 0, 0).length, 5);
    assert.equal(splitCode(new Uint8Array(6)), ErrorCode.TOO_MANY_FRAMES);
  });

  it("refuses a length that only claims to be large", () => {
    assert.equal(splitCode(prefixed(new Uint8Array(1), 0xffff_ffff)), ErrorCode.FRAME_TOO_LARGE);
    assert.equal(splitCode(Uint8Array.from(overlong(4, 0x7f))), ErrorCode.FRAME_TOO_LARGE, "34 bits");
    assert.equal(splitCode(Uint8Array.from(overlong(4, 0x10))), ErrorCode.FRAME_TOO_LARGE, "2^32 is not 0");
    assert.equal(splitCode(Uint8Array.from(overlong(9, 0x01))), ErrorCode.MALFORMED, "ten bytes");
  });

  it("reads a length that is longer than it need be", () => {
    assert.deepEqual(
      split(0x81, 0x80, 0x00, 42).map((frame) => [...frame]),
      [[42]],
    );
  });
});

describe("peekFrame", () => {
  const peek = (...bytes: number[]) => peekFrame(Uint8Array.from(bytes));
  const peekCode = (...bytes: number[]) => codeOf(() => peek(...bytes));

  it("tells the number of the field and its message", () => {
    const { number, body } = peek(0x1a, 2, 8, 1);
    assert.equal(number, 3);
    assert.deepEqual([...body], [8, 1]);
  });

  it("reads field numbers of more than one byte", () => {
    assert.equal(peek(0xa2, 0x06, 0).number, 100);
  });

  it("does not take a number beyond 32 bits for a smaller one", () => {
    const { number } = peek(0x8a, 0x80, 0x80, 0x80, 0x10, 0); // 2^32 + the tag of login
    assert.equal(number, 2 ** 29 + 1);
  });

  it("refuses an empty frame", () => {
    assert.equal(peekCode(), ErrorCode.MALFORMED);
  });

  it("refuses what is no message", () => {
    for (const wireType of [0, 1, 3, 4, 5, 6, 7]) assert.equal(peekCode((1 << 3) | wireType, 0), ErrorCode.MALFORMED);
  });

  it("refuses more or less than one message", () => {
    assert.equal(peekCode(0x0a, 1), ErrorCode.MALFORMED);
    assert.equal(peekCode(0x0a, 0, 0x12, 0), ErrorCode.MALFORMED);
    assert.equal(peekCode(0x0a), ErrorCode.MALFORMED);
  });

  it("throws nothing but MALFORMED, whatever it is given", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const code = codeOf(() => peekFrame(bytes));
        assert.ok(code === undefined || code === ErrorCode.MALFORMED);
      }),
      { numRuns: 10_000 },
    );
  });
});

describe("peekClientId", () => {
  const peekCode = (...bytes: number[]) => codeOf(() => peekClientId(Uint8Array.from(bytes)));

  it("reads what the generated code has written, of whatever size", () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }),
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        (clientId, value) => {
          const message = create(UpMsgSchema, { clientId, target: { case: "conversationId", value }, content: {} });
          assert.equal(peekClientId(toBinary(UpMsgSchema, message)), clientId);
        },
      ),
    );
  });

  it("refuses an up_msg without one, and client_id 0", () => {
    assert.equal(peekCode(), ErrorCode.MALFORMED);
    assert.equal(peekCode(0x22, 0), ErrorCode.MALFORMED);
    assert.equal(peekCode(8, 0), ErrorCode.MALFORMED);
    assert.equal(peekCode(8, ...overlong(9, 0)), ErrorCode.MALFORMED);
  });

  it("refuses a number that is cut short or has more than ten bytes", () => {
    for (let continued = 0; continued <= 9; continued++)
      assert.equal(peekCode(8, ...overlong(continued, 0x80)), ErrorCode.MALFORMED);
    assert.equal(peekCode(8, ...overlong(10, 1)), ErrorCode.MALFORMED);
  });

  it("refuses a second one further back, by which two readers would see two ids", () => {
    assert.equal(peekCode(8, 1, 0x22, 0, 8, 2), ErrorCode.MALFORMED);
    assert.equal(peekCode(8, 1, 0x88, 0x80, 0x00, 2), ErrorCode.MALFORMED, "behind an overlong tag");
  });

  it("reads it for its refusal where the rest is rubbish, so that a durable answer is possible", () => {
    assert.equal(peekClientId(Uint8Array.of(8, 5, 0x22, 99)), 5n);
    assert.equal(peekClientId(Uint8Array.of(8, 5, 0xff)), 5n);
  });

  it("sees the id that the generated code sees, or refuses", () => {
    const whole = toBinary(
      UpMsgSchema,
      create(UpMsgSchema, { clientId: 300n, target: { case: "peerUserId", value: 9n }, content: {} }),
    );
    const pieces = fc.array(
      fc.oneof(
        fc.constantFrom(whole, Uint8Array.of(8, 1), Uint8Array.of(0x88, 0, 7), Uint8Array.of(8, ...overlong(9, 0x7f))),
        fc.constantFrom(Uint8Array.of(0x0b, 8, 4, 0x0c), Uint8Array.of(0x22, 0), Uint8Array.of(0xa2, 6, 2, 8, 9)),
        fc.uint8Array({ maxLength: 6 }),
      ),
      { maxLength: 4 },
    );
    let agreed = 0;
    fc.assert(
      fc.property(pieces, (parts) => {
        const bytes = concat(parts);
        let peeked: bigint | undefined;
        const code = codeOf(() => {
          peeked = peekClientId(bytes);
        });
        if (peeked === undefined) return assert.equal(code, ErrorCode.MALFORMED);
        let decoded: bigint | undefined;
        const isMalformed = codeOf(() => {
          decoded = decode(UpMsgSchema, bytes).clientId;
        });
        if (isMalformed) return;
        agreed++;
        assert.equal(peeked, decoded);
      }),
      { numRuns: 10_000 },
    );
    assert.ok(agreed > 100, `only ${agreed} were readable`);
  });
});

describe("encodeFrame", () => {
  it("writes what splitFrames and the generated code read back, across the sizes of the length prefix", () => {
    for (const size of [0, 1, 100, 127, 128, 200, 16_380, 16_390, 60_000]) {
      const frame = encodeFrame({ case: "goaway", value: { address: "x".repeat(size) } });
      const [body, ...more] = splitFrames(frame, {
        messageMaxBytes: 100_000,
        frameMaxBytes: 100_000,
        framesPerMessageMax: 1,
      });
      assert.equal(more.length, 0);
      const read = decode(ServerFrameSchema, body ?? new Uint8Array()).frame;
      assert.equal(read.case === "goaway" && read.value.address.length, size);
    }
  });

  it("can be peeked at", () => {
    const [body = new Uint8Array()] = splitFrames(encodeFrame({ case: "upNack", value: { expected: 3n } }), limits);
    assert.equal(peekFrame(body).number, 4);
  });
});

describe("concat", () => {
  it("joins chunks in order", () => {
    assert.deepEqual([...concat([])], []);
    assert.deepEqual([...concat([Uint8Array.of(1), new Uint8Array(), Uint8Array.of(2, 3)])], [1, 2, 3]);
  });
});

describe("encodeSyncPage", () => {
  it("makes the very bytes that encoding the whole page would make", () => {
    const message = fc.record({ seq: fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }), sentAtMs: fc.constant(1n) });
    const rest = fc.record({
      conversationId: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      messages: fc.array(message, { maxLength: 40 }),
      headSeq: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      hasMore: fc.boolean(),
    });
    const requestId = fc.bigInt({ min: 1n, max: 2n ** 64n - 1n });
    const whole = fc.property(requestId, rest, (id, page) => {
      const encoded = toBinary(SyncPageSchema, create(SyncPageSchema, page));
      const frame = encodeFrame({ case: "syncPage", value: { requestId: id, ...page } });
      assert.deepEqual(encodeSyncPage(id, encoded), frame);
    });
    fc.assert(whole);
  });
});
