import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { CloseCode, ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import type { SyncPage } from "../../gen/ts/tidewire/v1/frame_pb.js";
import { sharedPostgres } from "../support/postgres.js";
import { type LoggedIn, startTestServer, type TestServer, type TestUser } from "../support/server.js";
import { assertClosed, createWitness, heartbeat, storedOf, text, textOf, type Witness } from "../support/witness.js";

const beyondAll = 2n ** 64n - 1n;
const unknownId = 12_345n;

/** Requests and marks that are absurd or concern others. After each test the others must be as they were. */
describe("a read that is out of place", () => {
  let server: TestServer;
  let witness: Witness;
  let stranger: TestUser;
  let device: LoggedIn;
  let requestId = 0n;
  before(async () => {
    const databaseUrl = await (await sharedPostgres()).createDatabase();
    server = await startTestServer({ databaseUrl, syncRatePerSecond: 1_000 });
    witness = await createWitness(server);
    stranger = await server.register("stranger");
  });
  after(() => server[Symbol.asyncDispose]());
  beforeEach(async () => {
    device = await server.connect(stranger);
  });
  afterEach(async () => {
    device.terminate();
    await witness.assertUnharmed();
  });

  async function sync(reader: LoggedIn, conversationId: bigint, afterSeq: bigint, limit = 0): Promise<SyncPage> {
    const value = { requestId: ++requestId, conversationId, afterSeq, limit };
    reader.send({ frame: { case: "sync", value } });
    const page = await reader.next("syncPage");
    assert.deepEqual([page.requestId, page.conversationId], [requestId, conversationId]);
    return page;
  }

  it("shows nothing of a foreign conversation, nor whether it exists", async () => {
    for (const conversationId of [witness.conversationId, unknownId, 0n, beyondAll]) {
      const page = await sync(device, conversationId, 0n);
      assert.equal(ErrorCode[page.error], "UNKNOWN_CONVERSATION");
      assert.deepEqual([page.messages, page.headSeq, page.reset, page.hasMore], [[], 0n, undefined, false]);
    }
  });

  it("shows nothing above a seq that is beyond the head, and all messages after it still come", async () => {
    const member = await server.connect(witness.user, "absurd-device");
    const { seq: headSeq } = await witness.say("the head");
    for (const afterSeq of [headSeq, headSeq + 1n, 2n ** 63n, beyondAll]) {
      const page = await sync(member, witness.conversationId, afterSeq);
      assert.deepEqual([page.messages, page.headSeq, page.hasMore, page.error], [[], headSeq, false, 0]);
    }
    await witness.say("one more");
    const page = await sync(member, witness.conversationId, headSeq);
    assert.deepEqual(page.messages.map(textOf), ["one more"]);
    await member.close();
  });

  it("holds a page to its limit, however much is asked for", async () => {
    const member = await server.connect(witness.user, "greedy-device");
    const { seq: headSeq } = await witness.say("the last");
    const { messages } = await sync(member, witness.conversationId, 0n, 0xffff_ffff);
    assert.equal(BigInt(messages.length), headSeq);
    const one = await sync(member, witness.conversationId, 0n, 1);
    assert.deepEqual([one.messages.length, one.hasMore], [1, true]);
    await member.close();
  });

  it("is refused without a request_id, which the answer could not be told by", async () => {
    device.send({ frame: { case: "sync", value: { conversationId: witness.conversationId } } });
    assert.equal(ErrorCode[(await device.next("syncPage")).error], "INVALID_ARGUMENT");
    device.send({ frame: { case: "heads", value: {} } });
    assert.equal(ErrorCode[(await device.next("headsPage")).error], "INVALID_ARGUMENT");
  });

  it("finds no change beyond an absurd watermark, and everything without one", async () => {
    const member = await server.connect(witness.user, "heads-device");
    for (const [since, count] of [
      [beyondAll, 0],
      [0n, 1],
    ] as const) {
      member.send({ frame: { case: "heads", value: { requestId: ++requestId, since } } });
      const page = await member.next("headsPage");
      const found = page.heads.filter(({ conversationId }) => conversationId === witness.conversationId);
      assert.deepEqual([page.error, found.length], [0, count]);
    }
    await member.close();
  });

  it("changes nothing by an ack of a foreign conversation, or beyond the head", async () => {
    const member = await server.connect(witness.user, "acking-device");
    const before = await headOf(member);
    const cursors = [witness.conversationId, unknownId, 0n, beyondAll].flatMap((conversationId) =>
      [0n, 1_000_000n, beyondAll].map((seq) => ({ conversationId, seq })),
    );
    for (const each of [device, member]) {
      each.send({ frame: { case: "ack", value: { cursors } } });
      await heartbeat(each);
    }
    assert.deepEqual(await headOf(member), before);
    await witness.say("after the acks");
    assert.equal(textOf((await member.next("push")).message), "after the acks");
    await member.close();
  });

  it("changes nothing by a read mark in a foreign conversation", async () => {
    const [member, peer] = [
      await server.connect(witness.user, "marking"),
      await server.connect(witness.peer, "marking"),
    ];
    const before = [await headOf(member), await headOf(peer)];
    for (const conversationId of [witness.conversationId, unknownId, beyondAll]) {
      device.send({ frame: { case: "readMark", value: { conversationId, seq: 1n } } });
    }
    await untilMarked(device, stranger);
    assert.deepEqual([await headOf(member), await headOf(peer)], before);
    assert.equal(ErrorCode[(await sync(device, witness.conversationId, 0n)).error], "UNKNOWN_CONVERSATION");
    await Promise.all([member.close(), peer.close()]);
  });

  it("closes after an ack of more conversations than one may have", async () => {
    const cursors = Array.from({ length: 501 }, (_, index) => ({ conversationId: BigInt(index + 1), seq: 1n }));
    device.send({ frame: { case: "ack", value: { cursors } } });
    await assertClosed(device, {
      error: ErrorCode.MALFORMED,
      advice: /cursors is too long/,
      close: CloseCode.PROTOCOL_ERROR,
    });
  });

  it("is told that signals are not offered, and the session goes on", async () => {
    device.send({ frame: { case: "signal", value: {} } });
    const error = await device.next("error");
    assert.deepEqual([ErrorCode[error.code], error.closing], ["UNSUPPORTED", false]);
    assert.match(error.advice, /signals are not offered.*README/);
    await heartbeat(device);
  });

  async function headOf(reader: LoggedIn) {
    reader.send({ frame: { case: "heads", value: { requestId: ++requestId } } });
    const { heads } = await reader.next("headsPage");
    return heads.find(({ conversationId }) => conversationId === witness.conversationId);
  }

  /**
   * Read marks are stored in the order in which a connection sends them. So once one of a conversation of its own shows,
   * those before it have been dealt with.
   */
  async function untilMarked(reader: LoggedIn, user: TestUser): Promise<void> {
    reader.send(text(reader.me.lastClientId + 1n, { case: "peerUserId", value: witness.peer.userId }, "mine"));
    const { conversationId, seq } = storedOf(await reader.outcome());
    reader.send({ frame: { case: "readMark", value: { conversationId, seq } } });
    for (let readSeq = 0n, attempt = 1; readSeq < seq; attempt++) {
      assert.ok(attempt < 100, "the read mark is not stored");
      const { conversations } = await server.api(user.token).conversation.listConversations({});
      readSeq = conversations.find((each) => each.conversationId === conversationId)?.readSeq ?? 0n;
    }
  }
});
