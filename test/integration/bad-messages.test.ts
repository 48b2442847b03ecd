import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import type { ContentSchema } from "../../gen/ts/tidewire/v1/content_pb.js";
import { CloseCode, ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { ClientFrameSchema, NackReason } from "../../gen/ts/tidewire/v1/frame_pb.js";
import { sharedPostgres } from "../support/postgres.js";
import { type LoggedIn, startTestServer, type TestServer, type TestUser } from "../support/server.js";
import { encodeMessage, joinFrames } from "../support/wire-framing.js";
import {
  assertClosed,
  assertRefused,
  createWitness,
  heartbeat,
  readLog,
  storedOf,
  type Target,
  text,
  type Witness,
} from "../support/witness.js";

type Body = NonNullable<MessageInitShape<typeof ContentSchema>["body"]>;

const contentMaxBytes = 2_048;

/** Messages that must not be stored. After each test the others on this server must be as they were. */
describe("a message that must not be stored", () => {
  let server: TestServer;
  let witness: Witness;
  let user: TestUser;
  let friend: TestUser;
  let sender: LoggedIn;
  let target: Target;
  let count = 0;
  before(async () => {
    const databaseUrl = await (await sharedPostgres()).createDatabase();
    server = await startTestServer({ databaseUrl, contentMaxBytes });
    witness = await createWitness(server);
  });
  after(() => server[Symbol.asyncDispose]());
  beforeEach(async () => {
    user = await server.register(`sender-${++count}`);
    friend = await server.register(`friend-${count}`);
    target = { case: "peerUserId", value: friend.userId };
    sender = await server.connect(user);
  });
  afterEach(async () => {
    sender.terminate();
    await witness.assertUnharmed();
  });

  /** Sends it as the first message and a good one as the second, then both again under a new session. */
  async function assertRefusedForGood(message: Uint8Array, code: ErrorCode): Promise<void> {
    sender.sendRaw(message);
    sender.send(text(2n, target, "the next one"));
    await assertRefused(sender, 1n, code);
    const stored = storedOf(await sender.outcome());
    const again = await server.connect(user);
    assert.equal(again.me.lastClientId, 2n);
    again.sendRaw(message);
    await assertRefused(again, 1n, code);
    again.send(text(2n, target, "the next one"));
    assert.deepEqual(storedOf(await again.next("upAck")), stored);
    assert.deepEqual(await readLog(server, friend, stored.conversationId), [[1n, "the next one"]]);
    await again.close();
  }

  /** The target is a friend's unless given, for it is the content that is wrong. */
  const saying = (body: Body | undefined, to: Target = target) =>
    encodeMessage([
      { frame: { case: "upMsg", value: { clientId: 1n, target: to, content: body === undefined ? {} : { body } } } },
    ]);

  it("is refused if there is no such user", () =>
    assertRefusedForGood(
      encodeMessage([text(1n, { case: "peerUserId", value: 12_345n }, "hi")]),
      ErrorCode.UNKNOWN_USER,
    ));

  it("is refused if there is no such conversation", async () => {
    for (const value of [12_345n, lastId]) {
      const words = text(sender.me.lastClientId + 1n, { case: "conversationId", value }, "hi");
      sender.send(words);
      await assertRefused(sender, 1n, ErrorCode.UNKNOWN_CONVERSATION);
      sender.terminate();
      sender = await server.connect(await server.register(`other-${count}-${value}`));
    }
  });

  it("is refused if the user has never been in the conversation, which is not told from one that is not there", () => {
    const foreign: Target = { case: "conversationId", value: witness.conversationId };
    return assertRefusedForGood(encodeMessage([text(1n, foreign, "let me in")]), ErrorCode.UNKNOWN_CONVERSATION);
  });

  it("is refused if the user has left the conversation, whose log stays as it was", async () => {
    const { group: api } = server.api(friend.token);
    const { group } = await api.createGroup({ title: "without me", userIds: [user.userId] });
    const conversationId = group?.conversationId ?? 0n;
    await server.api(user.token).group.leaveGroup({ conversationId });
    const before = await readLog(server, friend, conversationId);
    const words = text(1n, { case: "conversationId", value: conversationId }, "one more thing");
    await assertRefusedForGood(encodeMessage([words]), ErrorCode.NOT_A_MEMBER);
    assert.deepEqual(await readLog(server, friend, conversationId), before);
  });

  it("is refused if it is too large, by a byte", async () => {
    const overhead = 6; // tags and lengths of the content's body and of its text
    sender.send(text(1n, target, "x".repeat(contentMaxBytes - overhead)));
    storedOf(await sender.outcome());
    sender.send(text(2n, target, "x".repeat(contentMaxBytes - overhead + 1)));
    await assertRefused(sender, 2n, ErrorCode.CONTENT_TOO_LARGE);
  });

  it("is refused for good if it is too large", () =>
    assertRefusedForGood(
      saying({ case: "text", value: { text: "x".repeat(contentMaxBytes) } }),
      ErrorCode.CONTENT_TOO_LARGE,
    ));

  it("is refused if its words are not UTF-8", () => {
    const message = encodeMessage([text(1n, target, "broken: ???")]);
    message.fill(0xff, message.length - 3);
    return assertRefusedForGood(message, ErrorCode.MALFORMED);
  });

  it("is refused if it claims to be an event, which only the system sends", () => {
    const event: Body = { case: "event", value: { kind: { case: "memberLeft", value: { userId: friend.userId } } } };
    return assertRefusedForGood(saying(event), ErrorCode.INVALID_ARGUMENT);
  });

  const faulty: [string, Body | undefined][] = [
    ["says nothing", undefined],
    ["is a picture that is nowhere", { case: "image", value: { widthPx: 1, heightPx: 1 } }],
    ["is a place beyond the pole", { case: "location", value: { latitudeDeg: 90.1, longitudeDeg: 0 } }],
    ["is a place that is no number", { case: "location", value: { latitudeDeg: Number.NaN, longitudeDeg: 0 } }],
    ["has a name over its limit", { case: "custom", value: { type: "t".repeat(65) } }],
  ];
  for (const [what, body] of faulty) {
    it(`is refused if it ${what}`, () => assertRefusedForGood(saying(body), ErrorCode.INVALID_ARGUMENT));
  }

  it("is refused if it goes nowhere", () => {
    const content = { body: { case: "text", value: { text: "hi" } } } as const;
    const message = encodeMessage([{ frame: { case: "upMsg", value: { clientId: 1n, content } } }]);
    return assertRefusedForGood(message, ErrorCode.INVALID_ARGUMENT);
  });

  const malformed = { error: ErrorCode.MALFORMED, close: CloseCode.PROTOCOL_ERROR };
  it("ends the session if its client_id is 0, which is none", async () => {
    sender.send(text(0n, target, "zero"));
    await assertClosed(sender, { ...malformed, advice: /client_id.*1 or more/ });
    await assertNothingStored();
  });

  it("ends the session if its client_id is 0 and spelled out", async () => {
    sender.sendRaw(spliced(text(1n, target, "zero"), (upMsg) => upMsg.fill(0, 1, 2)));
    await assertClosed(sender, { ...malformed, advice: /client_ids begin with 1/ });
    await assertNothingStored();
  });

  it("ends the session if another client_id stands at its end, where it would win over the first", async () => {
    const appended = (upMsg: Buffer) => Buffer.concat([upMsg, Uint8Array.of(0x08, 0x09)]);
    sender.sendRaw(spliced(text(1n, target, "two ids"), appended));
    await assertClosed(sender, { ...malformed, advice: /two client_ids/ });
    await assertNothingStored();
  });

  it("is answered with the id that is awaited if its client_id jumps, even to the last one there is", async () => {
    sender.send(text(lastId, target, "far ahead"));
    const { expected, reason } = await sender.next("upNack");
    assert.deepEqual([expected, reason], [1n, NackReason.HOLE]);
    sender.send(text(2n, target, "still ahead"));
    await heartbeat(sender);
    assert.equal(sender.frames.filter(({ frame }) => frame.case === "upAck" || frame.case === "upNack").length, 1);
    sender.send(text(1n, target, "at last"));
    const { conversationId } = storedOf(await sender.outcome());
    assert.deepEqual(await readLog(server, friend, conversationId), [[1n, "at last"]]);
  });

  it("is reported as a conflict if its client_id was used for something else, which stays", async () => {
    sender.send(text(1n, target, "first"));
    const { conversationId } = storedOf(await sender.outcome());
    sender.send(text(1n, target, "second"));
    const { expected, reason } = await sender.next("upNack");
    assert.deepEqual([expected, reason], [1n, NackReason.CONFLICT]);
    assert.deepEqual(await readLog(server, friend, conversationId), [[1n, "first"]]);
  });

  /** The session has ended; a new one begins with the first id and finds an empty conversation. */
  async function assertNothingStored(): Promise<void> {
    const again = await server.connect(user);
    assert.equal(again.me.lastClientId, 0n);
    again.send(text(1n, target, "the first"));
    const { conversationId, seq } = storedOf(await again.outcome());
    assert.equal(seq, 1n);
    assert.deepEqual(await readLog(server, friend, conversationId), [[1n, "the first"]]);
    await again.close();
  }
});

const lastId = 2n ** 64n - 1n;

/** One WebSocket message with this up_msg, whose encoding was changed by hand. All of it is shorter than 128 bytes. */
function spliced(init: MessageInitShape<typeof ClientFrameSchema>, change: (upMsg: Buffer) => Uint8Array): Uint8Array {
  const encoded = toBinary(ClientFrameSchema, create(ClientFrameSchema, init));
  const upMsg = change(Buffer.from(encoded.subarray(2)));
  return joinFrames([Buffer.concat([Uint8Array.of(0x1a, upMsg.length), upMsg])]);
}
