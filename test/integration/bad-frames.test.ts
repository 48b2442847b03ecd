import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { CloseCode, ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { ClientFrameSchema } from "../../gen/ts/tidewire/v1/frame_pb.js";
import { sharedPostgres } from "../support/postgres.js";
import { type LoggedIn, startTestServer, type TestServer, type TestUser } from "../support/server.js";
import { type ClientFrameInit, encodeMessage, joinFrames } from "../support/wire-framing.js";
import { assertClosed, createWitness, readLog, storedOf, text, type Witness } from "../support/witness.js";

/** Small enough that all of them can be broken with little. */
const limits = { frameMaxBytes: 4_096, messageMaxBytes: 8_192, contentMaxBytes: 2_048, framesPerMessageMax: 10 };

/** Bytes that are not frames. After each test the others on this server must be as they were. */
describe("frames that are none", () => {
  let server: TestServer;
  let witness: Witness;
  let user: TestUser;
  let device: LoggedIn;
  before(async () => {
    const databaseUrl = await (await sharedPostgres()).createDatabase();
    server = await startTestServer({ ...limits, databaseUrl });
    witness = await createWitness(server);
    user = await server.register("clumsy");
  });
  after(() => server[Symbol.asyncDispose]());
  afterEach(() => witness.assertUnharmed());

  const malformed = { error: ErrorCode.MALFORMED, close: CloseCode.PROTOCOL_ERROR };
  const garbage: [string, Uint8Array, RegExp][] = [
    ["an empty message", Uint8Array.of(), /no frame/],
    ["random bytes", Uint8Array.from({ length: 500 }, (_, index) => (index * 151 + 3) & 0x7f), /frame|number/],
    ["a length that never ends", new Uint8Array(20).fill(0xff), /number is too long/],
    ["a frame cut short", encodeMessage([heartbeat(7n)]).subarray(0, -1), /cut short/],
    ["an empty frame", joinFrames([Uint8Array.of()]), /cut short/],
    [
      "a frame with two messages",
      joinFrames([concat(frame(heartbeat(1n)), frame(heartbeat(2n)))]),
      /more or less than one/,
    ],
    ["a frame that is a number", joinFrames([Uint8Array.of(0x08, 0x01)]), /does not hold a message/],
    ["a frame of an unknown kind", joinFrames([Uint8Array.of(0x7a, 0x00)]), /no frame with the number 15/],
    ["a heartbeat with garbage in it", joinFrames([Uint8Array.of(0x12, 0x02, 0xff, 0xff)]), /do not encode Heartbeat/],
    ["an ack cut off in the middle", joinFrames([Uint8Array.of(0x22, 0x03, 0x0a, 0x09, 0x09)]), /do not encode Ack/],
  ];
  for (const [what, bytes, advice] of garbage) {
    it(`closes after ${what}, and says what is wrong`, async () => {
      device = await server.connect(user);
      device.sendRaw(bytes);
      await assertClosed(device, { ...malformed, advice });
    });
  }

  it("closes after a text message", async () => {
    device = await server.connect(user);
    device.sendText("hello");
    await assertClosed(device, { ...malformed, error: ErrorCode.TEXT_REFUSED, advice: /text message.*binary/ });
  });

  it("closes after a frame over the limit, naming both sizes", async () => {
    device = await server.connect(user);
    device.sendRaw(joinFrames([new Uint8Array(4_097)]));
    await assertClosed(device, {
      ...malformed,
      error: ErrorCode.FRAME_TOO_LARGE,
      advice: /4097 bytes, 4096 are allowed/,
    });
  });

  it("closes after a message over the limit, naming both sizes", async () => {
    device = await server.connect(user);
    device.sendRaw(new Uint8Array(8_193));
    await assertClosed(device, {
      ...malformed,
      error: ErrorCode.FRAME_TOO_LARGE,
      advice: /8193 bytes, 8192 are allowed/,
    });
  });

  it("ends the connection after a message that is not even read, past twice the limit", async () => {
    device = await server.connect(user);
    device.sendRaw(new Uint8Array(16_385));
    assert.ok([1006, 1009].includes((await device.closed).code));
  });

  it("closes after a frame that claims to be larger than any", async () => {
    device = await server.connect(user);
    device.sendRaw(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x0f));
    await assertClosed(device, { ...malformed, error: ErrorCode.FRAME_TOO_LARGE, advice: /4294967295 bytes/ });
  });

  it("takes as many frames in a message as are allowed, and closes after one more", async () => {
    device = await server.connect(user);
    device.send(...Array.from({ length: 10 }, (_, index) => heartbeat(BigInt(index))));
    for (let index = 0n; index < 10n; index++) assert.equal((await device.next("heartbeatOk")).clientTimeMs, index);
    device.send(...Array.from({ length: 11 }, (_, index) => heartbeat(BigInt(index))));
    await assertClosed(device, { ...malformed, error: ErrorCode.TOO_MANY_FRAMES, advice: /more than 10 frames/ });
  });

  it("stores a message before the flaw once, however often it is sent again", async () => {
    const peer = await server.register("clumsy-peer");
    const target = { case: "peerUserId", value: peer.userId } as const;
    device = await server.connect(user, "clumsy-sender");
    const up = encodeMessage([text(1n, target, "before the flaw")]);
    device.sendRaw(concat(up, joinFrames([Uint8Array.of(0x7a, 0x00)])));
    await assertClosed(device, { ...malformed, advice: /no frame/ });
    const again = await server.connect(user, "clumsy-sender");
    again.sendRaw(up);
    const first = storedOf(await again.outcome());
    again.sendRaw(up);
    assert.deepEqual(storedOf(await again.next("upAck")), first);
    assert.deepEqual(await readLog(server, peer, first.conversationId), [[1n, "before the flaw"]]);
    await again.close();
  });
});

function heartbeat(clientTimeMs: bigint): ClientFrameInit {
  return { frame: { case: "heartbeat", value: { clientTimeMs } } };
}

function frame(init: ClientFrameInit): Uint8Array {
  return toBinary(ClientFrameSchema, create(ClientFrameSchema, init));
}

function concat(...parts: Uint8Array[]): Uint8Array {
  return Buffer.concat(parts);
}
