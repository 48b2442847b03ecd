import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { sizeDelimitedEncode } from "@bufbuild/protobuf/wire";
import fc from "fast-check";
import { ClientFrameSchema, ServerFrameSchema } from "../../gen/ts/tidewire/v1/frame_pb.js";
import { decodeMessage, encodeMessage, joinFrames, splitFrames } from "../support/wire-framing.js";

function encoded(frame: MessageInitShape<typeof ServerFrameSchema>["frame"]): Uint8Array {
  return toBinary(ServerFrameSchema, create(ServerFrameSchema, { frame: frame ?? { case: undefined } }));
}

const heartbeatOk = encoded({ case: "heartbeatOk", value: { serverTimeMs: 7n } });
const long = encoded({ case: "error", value: { advice: "a".repeat(300) } });

describe("the wire client's framing", () => {
  it("writes what protobuf's own length-delimited writer writes", () => {
    const init = { frame: { case: "login", value: { token: "t".repeat(4096) } } } as const;
    const expected = sizeDelimitedEncode(ClientFrameSchema, create(ClientFrameSchema, init));
    assert.deepEqual([...encodeMessage([init])], [...expected]);
  });

  it("writes frames one after the other", () => {
    const message = encodeMessage([{ frame: { case: "logout", value: {} } }, { frame: { case: "heads", value: {} } }]);
    const frames = splitFrames(message).map((bytes) => fromBinary(ClientFrameSchema, bytes));
    assert.deepEqual(
      frames.map((frame) => frame.frame.case),
      ["logout", "heads"],
    );
  });

  it("takes merged frames apart", () => {
    const frames = decodeMessage(joinFrames([heartbeatOk, long, heartbeatOk]));
    assert.deepEqual(
      frames.map((frame) => frame.frame.case),
      ["heartbeatOk", "error", "heartbeatOk"],
    );
  });

  it("gives back any frames that it has joined", () => {
    const frames = fc.array(fc.uint8Array({ maxLength: 20_000 }), { maxLength: 20 });
    fc.assert(
      fc.property(frames, (parts) => {
        assert.deepEqual(
          splitFrames(joinFrames(parts)).map((part) => [...part]),
          parts.map((part) => [...part]),
        );
      }),
      { numRuns: 50 },
    );
  });

  it("refuses a message that ends within a frame, wherever it is cut", () => {
    const message = joinFrames([heartbeatOk, long]);
    const boundary = joinFrames([heartbeatOk]).length;
    for (let size = 1; size < message.length; size++) {
      if (size !== boundary) assert.throws(() => decodeMessage(message.subarray(0, size)), /are left|is cut off/);
    }
  });

  for (const [name, message, complaint] of [
    ["a message without frames", [], /holds no frame/],
    ["an empty frame", [0], /the frame is empty/],
    ["a length in more bytes than it needs", [0x80, 0x00], /takes more bytes than it needs/],
    ["a length beyond all reason", [0xff, 0xff, 0xff, 0xff, 0x01], /takes more than 4 bytes/],
    ["a frame that the contract does not know", [3, 0xfa, 0x01, 0x00], /does not know it/],
    ["a field that the contract does not know", [4, 0x12, 0x02, 0x78, 0x01], /heartbeatOk frame is not the encoding/],
    ["a field of another type", [4, 0x12, 0x02, 0x0d, 0x01], /heartbeatOk frame is not the encoding/],
  ] as const) {
    it(`refuses ${name}`, () => {
      assert.throws(() => decodeMessage(Uint8Array.from(message)), complaint);
    });
  }
});
