import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { parseDeviceEvent } from "../../gateway/frames/device-event.js";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { ClientFrameSchema } from "../../gen/ts/tidewire/v1/frame_pb.js";
import { TidewireError } from "../../runtime/error.js";

const open = { rate: 17, lane: () => "open" as const };

function encoded(frame: MessageInitShape<typeof ClientFrameSchema>["frame"] & object): Uint8Array {
  return toBinary(ClientFrameSchema, create(ClientFrameSchema, { frame }));
}

const isMalformed = (error: unknown) => error instanceof TidewireError && error.code === ErrorCode.MALFORMED;

describe("a device's frame", () => {
  it("becomes the event of its kind, with its fields", () => {
    const parse = (frame: Parameters<typeof encoded>[0]) => parseDeviceEvent(encoded(frame), open);
    const login = parse({ case: "login", value: { token: "t", deviceId: "d" } });
    assert.equal(login.kind === "login" && login.login.deviceId, "d");
    const heartbeat = parse({ case: "heartbeat", value: { clientTimeMs: 5n } });
    assert.equal(heartbeat.kind === "heartbeat" && heartbeat.heartbeat.clientTimeMs, 5n);
    const ack = parse({ case: "ack", value: { cursors: [{ conversationId: 9n, seq: 3n }] } });
    assert.equal(ack.kind === "ack" && ack.cursors[0]?.seq, 3n);
    const sync = parse({ case: "sync", value: { requestId: 6n } });
    assert.equal(sync.kind === "sync" && sync.sync.requestId, 6n);
    const heads = parse({ case: "heads", value: { since: 8n } });
    assert.equal(heads.kind === "heads" && heads.heads.since, 8n);
    const readMark = parse({ case: "readMark", value: { seq: 2n } });
    assert.equal(readMark.kind === "read-mark" && readMark.readMark.seq, 2n);
    assert.deepEqual(parse({ case: "signal", value: {} }), { kind: "signal" });
    assert.deepEqual(parse({ case: "logout", value: {} }), { kind: "logout" });
  });

  it("keeps an up_msg encoded, in a copy that outlives the socket's buffer", () => {
    const frame = encoded({ case: "upMsg", value: { clientId: 300n, content: {} } });
    const asked: number[] = [];
    const event = parseDeviceEvent(frame, {
      rate: 17,
      lane(bytes) {
        asked.push(bytes);
        return "full";
      },
    });
    frame.fill(0);
    assert.ok(event.kind === "up-msg");
    assert.deepEqual([...event.upMsg], [8, 0xac, 2, 0x22, 0]);
    assert.deepEqual(
      { ...event, upMsg: undefined },
      { kind: "up-msg", clientId: 300n, upMsg: undefined, rate: 17, lane: "full" },
    );
    assert.deepEqual(asked, [5]);
  });

  it("is refused if the contract does not know its number", () => {
    for (const tag of [(0 << 3) | 2, (10 << 3) | 2]) {
      assert.throws(() => parseDeviceEvent(Uint8Array.of(tag, 0), open), isMalformed);
    }
  });

  it("is refused if a field is longer than the contract allows", () => {
    const login = (value: { token?: string; deviceId?: string; platform?: string }) =>
      encoded({ case: "login", value });
    assert.equal(parseDeviceEvent(login({ token: "x".repeat(4_096), deviceId: "é".repeat(32) }), open).kind, "login");
    for (const value of [{ token: "x".repeat(4_097) }, { deviceId: "é".repeat(33) }, { platform: "x".repeat(33) }]) {
      assert.throws(() => parseDeviceEvent(login(value), open), isMalformed);
    }
    const cursors = (length: number) =>
      encoded({ case: "ack", value: { cursors: Array.from({ length }, () => ({ conversationId: 1n, seq: 1n })) } });
    assert.equal(parseDeviceEvent(cursors(500), open).kind, "ack");
    assert.throws(() => parseDeviceEvent(cursors(501), open), isMalformed);
  });

  it("is refused if a string is not UTF-8", () => {
    assert.throws(() => parseDeviceEvent(Uint8Array.of(0x0a, 3, 0x0a, 1, 0xff), open), isMalformed);
  });

  it("is refused if its fields are not what the contract says", () => {
    for (const number of [1, 2, 4, 5, 6, 7]) {
      assert.throws(() => parseDeviceEvent(Uint8Array.of((number << 3) | 2, 1, 0xff), open), isMalformed);
    }
  });

  it("throws nothing but MALFORMED, whatever its bytes", () => {
    const frames = fc.tuple(fc.integer({ min: 0, max: 12 }), fc.uint8Array({ maxLength: 60 }));
    fc.assert(
      fc.property(frames, ([number, body]) => {
        try {
          parseDeviceEvent(Uint8Array.of((number << 3) | 2, body.length, ...body), open);
        } catch (error) {
          assert.ok(isMalformed(error), String(error));
        }
      }),
      { numRuns: 10_000 },
    );
  });
});
