import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { readCursors } from "../../gateway/frames/read-cursors.js";
import { AckSchema } from "../../gen/ts/tidewire/v1/frame_pb.js";
import { decode, encode } from "../../runtime/binary.js";

type Plain = { conversationId: bigint; seq: bigint };

const encoded = (cursors: Plain[]) => encode(AckSchema, create(AckSchema, { cursors }));
const plain = (cursors: readonly Plain[]) => cursors.map(({ conversationId, seq }) => ({ conversationId, seq }));
const maxUint64 = 2n ** 64n - 1n;

/** What the protobuf runtime reads; undefined if it refuses the bytes. */
function decoded(bytes: Uint8Array): Plain[] | undefined {
  try {
    return plain(decode(AckSchema, bytes).cursors);
  } catch {
    return undefined;
  }
}

describe("cursors of an encoded ack", () => {
  it("are those that were encoded", () => {
    const conversationId = fc.bigInt({ min: 1n, max: maxUint64 });
    const seq = fc.oneof(fc.bigInt({ min: 1n, max: 300n }), fc.bigInt({ min: 1n, max: 2n ** 49n - 1n }));
    const property = fc.property(fc.array(fc.record({ conversationId, seq }), { maxLength: 20 }), (cursors) => {
      assert.deepEqual(readCursors(encoded(cursors)), plain(cursors));
    });
    fc.assert(property, { numRuns: 1_000 });
  });

  it("are read wherever in a larger buffer the ack lies", () => {
    const ack = encoded([{ conversationId: 9n, seq: 300n }]);
    const buffer = new Uint8Array(50).fill(0xff);
    buffer.set(ack, 13);
    assert.deepEqual(readCursors(buffer.subarray(13, 13 + ack.length)), [{ conversationId: 9n, seq: 300n }]);
  });

  it("are left to the runtime where they are laid out in another way", () => {
    const others: [string, Uint8Array][] = [
      ["no conversation", encoded([{ conversationId: 0n, seq: 3n }])],
      ["no seq", encoded([{ conversationId: 9n, seq: 0n }])],
      ["a seq beyond all logs", encoded([{ conversationId: 9n, seq: 2n ** 49n }])],
      ["more than are allowed", encoded(Array.from({ length: 501 }, () => ({ conversationId: 9n, seq: 3n })))],
    ];
    for (const [what, ack] of others) assert.equal(readCursors(ack), undefined, what);
    assert.equal(
      readCursors(encoded(Array.from({ length: 500 }, () => ({ conversationId: 9n, seq: 3n }))))?.length,
      500,
    );
  });

  it("are never others than those that the runtime reads, whatever the bytes are", () => {
    const good = fc.array(
      fc.record({
        conversationId: fc.bigInt({ min: 1n, max: maxUint64 }),
        seq: fc.bigInt({ min: 1n, max: 2n ** 20n }),
      }),
      { minLength: 1, maxLength: 4 },
    );
    const change = fc.record({ at: fc.nat(80), byte: fc.nat(255), cut: fc.nat(3) });
    let plainOnes = 0;
    const property = fc.property(good, change, (cursors, { at, byte, cut }) => {
      const bytes = encoded(cursors);
      bytes[at % bytes.length] = byte;
      const bent = bytes.subarray(0, bytes.length - cut);
      const read = readCursors(bent);
      if (read === undefined) return;
      plainOnes++;
      assert.deepEqual(read, decoded(bent));
    });
    fc.assert(property, { numRuns: 20_000 });
    assert.ok(plainOnes > 1_000, `${plainOnes} were plain`);
  });
});
