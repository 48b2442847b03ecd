import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { ContentSchema } from "../../gen/ts/tidewire/v1/content_pb.js";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { SyncPageSchema } from "../../gen/ts/tidewire/v1/frame_pb.js";
import { encodePage } from "../../services/message/encode-page.js";
import { type MessageRow, toMessage } from "../../services/message/message-rows.js";

const words = (text: string) =>
  toBinary(ContentSchema, create(ContentSchema, { body: { case: "text", value: { text } } }));

const plain: MessageRow = {
  conversationId: 54_720_567_705_604_099n,
  seq: 128n,
  messageId: 54_720_567_705_604_100n,
  senderId: 54_720_567_705_604_101n,
  senderDevice: 1,
  clientId: 7n,
  counter: 120n,
  sentAtMs: 1_700_000_000_000n,
  content: words("hello"),
};
const ofSystem: MessageRow = { ...plain, senderId: 0n, senderDevice: 0, clientId: 0n, counter: 0n };
const extreme: MessageRow = {
  ...plain,
  conversationId: 2n ** 64n - 1n,
  seq: 2n ** 63n,
  senderDevice: 32_767,
  clientId: 2n ** 53n,
  content: words("x".repeat(40_000)),
};
const leftOut: MessageRow = { ...plain, content: null };
const rows = [plain, ofSystem, extreme, leftOut];

describe("an encoded page", () => {
  it("is what the generated code writes, message by message", () => {
    for (const row of rows) {
      const expected = toBinary(SyncPageSchema, create(SyncPageSchema, { messages: [toMessage(row)] }));
      assert.deepEqual(encodePage({ about: create(SyncPageSchema), rows: [row] }), expected);
    }
  });

  it("has its fields in the usual order, and memory of its own", () => {
    const fields = {
      conversationId: 9n,
      reset: { floorSeq: 1n, headSeq: 300n },
      headSeq: 300n,
      hasMore: true,
      error: 5,
    };
    const page = encodePage({ about: create(SyncPageSchema, fields), rows });
    const expected = create(SyncPageSchema, { ...fields, messages: rows.map(toMessage) });
    assert.deepEqual(page, toBinary(SyncPageSchema, expected));
    assert.equal(page.byteLength, page.buffer.byteLength);
  });

  it("may have no messages", () => {
    const about = create(SyncPageSchema, { error: ErrorCode.UNKNOWN_CONVERSATION });
    assert.deepEqual(encodePage({ about, rows: [] }), toBinary(SyncPageSchema, about));
  });
});
