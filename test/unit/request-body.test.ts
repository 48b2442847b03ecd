import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { findBodyFault } from "../../gateway/edge/request-body.js";
import { SendRequestSchema } from "../../gen/ts/tidewire/v1/message_pb.js";

const inJson = (json: string | Uint8Array) =>
  findBodyFault(SendRequestSchema, "application/json", typeof json === "string" ? Buffer.from(json) : json);

describe("the body of a call", () => {
  it("may hold any whole number that a double holds, and any number that is not whole", () => {
    assert.equal(inJson('{"a": 9007199254740991, "b": -9007199254740991, "c": 1.5, "d": -0.1e-3, "e": 0}'), undefined);
  });

  it("may hold larger ones in strings, whatever else these hold", () => {
    assert.equal(
      inJson('{"a": "9007199254740993", "b\\"": "\\\\", "c": "\\"9007199254740993", "d": "é 10"}'),
      undefined,
    );
  });

  it("must not hold a number that would be rounded, and is told which", () => {
    for (const number of ["9007199254740992", "-9007199254740993", "249752353358483456", "1e300"]) {
      assert.match(
        inJson(`{"text": "7", "peerUserId": ${number}}`) ?? "",
        new RegExp(`^${number} is too large.*quotes`),
      );
    }
  });

  it("must be UTF-8", () => {
    assert.match(inJson(Uint8Array.of(0x22, 0xff, 0x22)) ?? "", /not UTF-8/);
  });

  it("is left to Connect if it is not JSON at all, however long it is", () => {
    for (const json of ["", "{", '"', '"\\', "[".repeat(200_000), '"\\"'.repeat(60_000), `"${"\\".repeat(200_001)}`]) {
      assert.equal(inJson(json), undefined);
    }
  });

  it("must be an encoding of the request if it is binary", () => {
    const bytes = toBinary(SendRequestSchema, create(SendRequestSchema, { idempotencyKey: "key" }));
    assert.equal(findBodyFault(SendRequestSchema, "application/proto", bytes), undefined);
    assert.match(
      findBodyFault(SendRequestSchema, "application/proto", bytes.subarray(1)) ?? "",
      /do not encode SendRequest/,
    );
  });
});
