import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import fc from "fast-check";
import { ContentSchema, TextSchema } from "../../gen/ts/tidewire/v1/content_pb.js";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { AckSchema, ClientFrameSchema } from "../../gen/ts/tidewire/v1/frame_pb.js";
import { decode, encode } from "../../runtime/binary.js";
import { TidewireError } from "../../runtime/error.js";

const isMalformed = (thrown: unknown) => thrown instanceof TidewireError && thrown.code === ErrorCode.MALFORMED;

const textOf = (bytes: number[]) =>
  new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(Uint8Array.from(bytes)).finish();

describe("decode", () => {
  it("returns what encode was given", () => {
    const message = create(ContentSchema, { body: { case: "text", value: { text: "Grüß Gott 👋" } } });
    assert.deepEqual(decode(ContentSchema, encode(ContentSchema, message)), message);
  });

  it("keeps a leading byte-order mark, which is text", () => {
    assert.equal(decode(TextSchema, textOf([0xef, 0xbb, 0xbf, 0x61])).text, "\ufeffa");
  });

  for (const [name, bytes] of [
    ["a lone continuation byte", [0x80]],
    ["a truncated sequence", [0x61, 0xc3]],
    ["an overlong encoding", [0xc0, 0xaf]],
    ["an encoded surrogate", [0xed, 0xa0, 0x80]],
    ["a code point above U+10FFFF", [0xf4, 0x90, 0x80, 0x80]],
  ] as const) {
    it(`refuses invalid UTF-8: ${name}`, () => {
      assert.throws(() => decode(TextSchema, textOf([...bytes])), isMalformed);
    });
    it(`refuses invalid UTF-8 in a long string: ${name}`, () => {
      const long = [...new Array<number>(5000).fill(0x61), ...bytes];
      assert.throws(() => decode(TextSchema, textOf(long)), isMalformed);
    });
  }

  it("refuses every truncation of a frame", () => {
    const whole = encode(
      ClientFrameSchema,
      create(ClientFrameSchema, { frame: { case: "login", value: { token: "token", deviceId: "device" } } }),
    );
    for (let length = 1; length < whole.length; length++)
      assert.throws(() => decode(ClientFrameSchema, whole.subarray(0, length)), isMalformed, `${length} bytes`);
  });

  it("skips unknown fields without keeping them", () => {
    const bytes = new BinaryWriter().tag(999, WireType.LengthDelimited).bytes(new Uint8Array(1000)).finish();
    assert.equal(decode(TextSchema, bytes).$unknown, undefined);
  });

  it("refuses unknown groups nested deeper than eight", () => {
    const nested = (depth: number) => {
      const writer = new BinaryWriter();
      for (let i = 0; i < depth; i++) writer.tag(999, WireType.StartGroup);
      for (let i = 0; i < depth; i++) writer.tag(999, WireType.EndGroup);
      return writer.finish();
    };
    assert.equal(decode(TextSchema, nested(3)).text, "");
    assert.throws(() => decode(TextSchema, nested(9)), isMalformed);
    assert.throws(() => decode(TextSchema, nested(100_000)), isMalformed);
  });

  it("either decodes arbitrary bytes or calls them malformed", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          decode(ClientFrameSchema, bytes);
        } catch (thrown) {
          assert.ok(isMalformed(thrown), String(thrown));
        }
      }),
      { numRuns: 5000 },
    );
  });
});

describe("encode", () => {
  it("writes valid UTF-8 even for a lone surrogate", () => {
    const bytes = encode(TextSchema, create(TextSchema, { text: "a\ud800b" }));
    assert.equal(decode(TextSchema, bytes).text, "a\ufffdb");
  });

  it("refuses a number that does not fit its field", () => {
    assert.throws(() => encode(AckSchema, create(AckSchema, { cursors: [{ conversationId: 1n, seq: -1n }] })));
  });
});
