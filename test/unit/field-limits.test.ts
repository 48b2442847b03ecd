import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import fc from "fast-check";
import { UpdateProfileRequestSchema } from "../../gen/ts/tidewire/v1/account_pb.js";
import { AckSchema, type LimitsSchema, LoginSchema, UpMsgSchema } from "../../gen/ts/tidewire/v1/frame_pb.js";
import { checkFieldLimits, defaultLimits } from "../../gen/ts/tidewire/v1/limits.js";
import { SubmitBatchRequestSchema } from "../../gen/ts/tidewire/v1/message_pb.js";

function checkLogin(login: MessageInitShape<typeof LoginSchema>): string | undefined {
  return checkFieldLimits(LoginSchema, create(LoginSchema, login));
}

function checkUpMsg(content: NonNullable<MessageInitShape<typeof UpMsgSchema>["content"]>): string | undefined {
  return checkFieldLimits(UpMsgSchema, create(UpMsgSchema, { clientId: 1n, content }));
}

describe("checkFieldLimits", () => {
  it("accepts a string of exactly the limit and refuses one byte more", () => {
    assert.equal(checkLogin({ deviceId: "d".repeat(64) }), undefined);
    assert.equal(checkLogin({ deviceId: "d".repeat(65) }), "device_id");
  });

  it("counts the bytes of UTF-8, not the characters", () => {
    assert.equal(checkLogin({ deviceId: "ü".repeat(32) }), undefined);
    assert.equal(checkLogin({ deviceId: "ü".repeat(33) }), "device_id");
    assert.equal(checkLogin({ deviceId: "👋".repeat(16) }), undefined);
    assert.equal(checkLogin({ deviceId: "👋".repeat(17) }), "device_id");
  });

  it("agrees with the encoder about the size of any string", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", minLength: 8, maxLength: 40 }), (platform) => {
        const expected = new TextEncoder().encode(platform).length > 32 ? "platform" : undefined;
        assert.equal(checkLogin({ platform }), expected);
      }),
    );
  });

  it("counts the items of a repeated field", () => {
    const cursors = Array.from({ length: 501 }, () => ({ conversationId: 1n, seq: 1n }));
    assert.equal(checkFieldLimits(AckSchema, create(AckSchema, { cursors: cursors.slice(1) })), undefined);
    assert.equal(checkFieldLimits(AckSchema, create(AckSchema, { cursors })), "cursors");
  });

  it("looks into the chosen member of a oneof, however deep", () => {
    const image = (url: string) => ({ body: { case: "image", value: { file: { url } } } }) as const;
    assert.equal(checkUpMsg(image("u".repeat(2048))), undefined);
    assert.equal(checkUpMsg(image("u".repeat(2049))), "content.image.file.url");
  });

  it("counts the bytes of a bytes field", () => {
    const voice = (size: number) => ({ body: { case: "voice", value: { waveform: new Uint8Array(size) } } }) as const;
    assert.equal(checkUpMsg(voice(256)), undefined);
    assert.equal(checkUpMsg(voice(257)), "content.voice.waveform");
  });

  it("names the item of a repeated message", () => {
    const submissions = [{}, { upMsg: new Uint8Array(65_537) }];
    const request = create(SubmitBatchRequestSchema, { submissions });
    assert.equal(checkFieldLimits(SubmitBatchRequestSchema, request), "submissions[1].up_msg");
  });

  it("accepts optional fields that are not set", () => {
    assert.equal(checkFieldLimits(UpdateProfileRequestSchema, create(UpdateProfileRequestSchema)), undefined);
  });

  it("leaves text to the content limit", () => {
    assert.equal(checkUpMsg({ body: { case: "text", value: { text: "a".repeat(100_000) } } }), undefined);
  });
});

describe("defaultLimits", () => {
  it("has every field of Limits, as the protocol states it", () => {
    const stated: Omit<MessageInitShape<typeof LimitsSchema>, "$typeName"> = {
      messageMaxBytes: 131_072,
      frameMaxBytes: 65_536,
      framesPerMessageMax: 100,
      contentMaxBytes: 16_384,
      inFlightMax: 32,
      inFlightMaxBytes: 65_536,
      syncPageMax: 200,
      syncPageMaxBytes: 49_152,
      headsPageMax: 100,
      syncRatePerSecond: 10,
      messageBurst: 60,
      messageRatePerSecond: 10,
      ackMax: 500,
    };
    assert.deepEqual(defaultLimits, stated);
  });
});
