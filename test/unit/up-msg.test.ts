import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { ContentSchema } from "../../gen/ts/tidewire/v1/content_pb.js";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { parseUpMsg } from "../../services/message/up-msg.js";
import { text, upMsg, wordsOf } from "../support/log-world.js";

const target = { case: "conversationId", value: 7n } as const;
const contentMaxBytes = 1_000;
const url = "https://files.example/a";

const parse = (bytes: Uint8Array) => parseUpMsg(bytes, contentMaxBytes);
const parseBody = (body: MessageInitShape<typeof ContentSchema>["body"]) =>
  parse(upMsg(1n, target, create(ContentSchema, body === undefined ? {} : { body })));

describe("parsing an up_msg", () => {
  it("accepts text and tells where it goes", () => {
    const bytes = upMsg(1n, target, text("hello"));
    const parsed = parse(bytes);
    assert.equal(parsed.refused, ErrorCode.UNSPECIFIED);
    assert.deepEqual(parsed.target, { kind: "conversation", id: 7n });
    assert.equal(wordsOf(parsed.content.bytes), "hello");
    assert.equal(parsed.content.countable, true);
    assert.deepEqual(parsed.digest, createHash("sha256").update(bytes).digest());
  });

  it("accepts a message to a user", () => {
    const parsed = parse(upMsg(1n, { case: "peerUserId", value: 9n }, text("hello")));
    assert.deepEqual([parsed.refused, parsed.target], [0, { kind: "peer", userId: 9n }]);
  });

  it("refuses bytes that are no UpMsg as malformed", () => {
    for (const bytes of [[], [0xff], [0x22, 0x05, 0x0a], Array(40).fill(0x07)]) {
      const { refused } = parse(Uint8Array.from(bytes));
      assert.equal(refused, bytes.length === 0 ? ErrorCode.INVALID_ARGUMENT : ErrorCode.MALFORMED);
    }
  });

  it("refuses text that is not UTF-8 as malformed", () => {
    const bytes = upMsg(1n, target, text("abc"));
    bytes[bytes.length - 1] = 0xff;
    assert.equal(parse(bytes).refused, ErrorCode.MALFORMED);
  });

  it("refuses what has no target, no content, or no body", () => {
    assert.equal(parse(upMsg(1n, { case: undefined }, text("hi"))).refused, ErrorCode.INVALID_ARGUMENT);
    assert.equal(parse(upMsg(1n, target, undefined)).refused, ErrorCode.INVALID_ARGUMENT);
    assert.equal(parseBody(undefined).refused, ErrorCode.INVALID_ARGUMENT);
  });

  it("refuses events: only the system sends them", () => {
    const event = { kind: { case: "memberLeft", value: { userId: 1n } } } as const;
    assert.equal(parseBody({ case: "event", value: event }).refused, ErrorCode.INVALID_ARGUMENT);
  });

  it("refuses content that is larger than allowed, and accepts it up to the last byte", () => {
    const overhead = parse(upMsg(1n, target, text("x".repeat(500)))).content.bytes.length - 500;
    const largest = text("x".repeat(contentMaxBytes - overhead));
    assert.equal(parse(upMsg(1n, target, largest)).refused, ErrorCode.UNSPECIFIED);
    const tooLarge = text("x".repeat(contentMaxBytes - overhead + 1));
    assert.equal(parse(upMsg(1n, target, tooLarge)).refused, ErrorCode.CONTENT_TOO_LARGE);
  });

  it("refuses fields over the contract's limits", () => {
    const custom = { type: "x".repeat(65), payload: new Uint8Array(0), countable: true };
    assert.equal(parseBody({ case: "custom", value: custom }).refused, ErrorCode.INVALID_ARGUMENT);
  });

  it("refuses places that are not on earth", () => {
    const at = (latitudeDeg: number, longitudeDeg: number) =>
      parseBody({ case: "location", value: { latitudeDeg, longitudeDeg, name: "" } }).refused;
    assert.equal(at(90, -180), ErrorCode.UNSPECIFIED);
    for (const [latitude, longitude] of [
      [90.001, 0],
      [0, -180.001],
      [Number.NaN, 0],
      [0, Number.POSITIVE_INFINITY],
    ] as const) {
      assert.equal(at(latitude, longitude), ErrorCode.INVALID_ARGUMENT);
    }
  });

  it("refuses files without a URL, and digests that are none", () => {
    const file = (sha256: number, address = url) =>
      parseBody({ case: "file", value: { name: "a", file: { url: address, sha256: new Uint8Array(sha256) } } }).refused;
    assert.deepEqual([file(0), file(32)], [ErrorCode.UNSPECIFIED, ErrorCode.UNSPECIFIED]);
    assert.deepEqual([file(31), file(0, "")], [ErrorCode.INVALID_ARGUMENT, ErrorCode.INVALID_ARGUMENT]);
    assert.equal(parseBody({ case: "image", value: {} }).refused, ErrorCode.INVALID_ARGUMENT);
  });

  it("counts custom content only if its sender wants that", () => {
    const custom = (countable: boolean) =>
      parseBody({ case: "custom", value: { type: "t", payload: Uint8Array.of(1), countable } }).content.countable;
    assert.deepEqual([custom(true), custom(false)], [true, false]);
  });

  it("drops unknown fields from the content that is stored", () => {
    const plain = upMsg(1n, target, text("hi"));
    const inner = parse(plain).content.bytes;
    const extended = Uint8Array.of(...inner, 0xf8, 0x3f, 0x01); // field 1023, varint 1
    const message = Uint8Array.of(...plain.subarray(0, plain.length - inner.length - 1), extended.length, ...extended);
    assert.deepEqual(parse(message).content.bytes, inner);
    assert.equal(parse(message).refused, ErrorCode.UNSPECIFIED);
  });
});
