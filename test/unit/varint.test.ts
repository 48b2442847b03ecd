import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import fc from "fast-check";
import { varint64Length, varintLength, writeVarint, writeVarint64 } from "../../runtime/varint.js";

/** Numbers of all lengths, and those at which the length changes. */
const uint64 = fc
  .tuple(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.integer({ min: 0, max: 64 }))
  .map(([value, bits]) => value >> BigInt(bits));
const edges = Array.from({ length: 64 }, (_, bit) => [2n ** BigInt(bit) - 1n, 2n ** BigInt(bit)]).flat();

function expected(value: bigint): Uint8Array {
  return new BinaryWriter().uint64(value).finish();
}

describe("varints written by hand", () => {
  it("are those of the library, at the place that is given, and as long as was said", () => {
    const holds = (value: bigint) => {
      const bytes = new Uint8Array(varint64Length(value) + 2);
      assert.equal(writeVarint64(bytes, 1, value), bytes.length - 1);
      assert.deepEqual(bytes.subarray(1, -1), expected(value));
      assert.equal(new BinaryReader(bytes.subarray(1)).uint64(), value);
    };
    for (const edge of [...edges, 2n ** 64n - 1n]) holds(edge);
    fc.assert(fc.property(uint64, holds), { numRuns: 2_000 });
  });

  it("are the same of a number, up to the last exact one", () => {
    for (const value of [...edges.filter((edge) => edge < 2n ** 53n), 2n ** 53n - 1n]) {
      const bytes = new Uint8Array(varintLength(Number(value)));
      assert.equal(writeVarint(bytes, 0, Number(value)), bytes.length);
      assert.deepEqual(bytes, expected(value));
    }
  });
});
