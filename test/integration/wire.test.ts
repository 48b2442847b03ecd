import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { CloseCode, ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { GoawayReason, NackReason } from "../../gen/ts/tidewire/v1/frame_pb.js";
import { startTestServer, type TestServer, type TestUser } from "../support/server.js";
import { heartbeat, storedOf, type Target, text, textOf } from "../support/witness.js";

/** An independent reading of the protocol: a plain WebSocket and generated code, nothing of the SDK. */
describe("the wire", () => {
  let server: TestServer;
  let ann: TestUser;
  let bob: TestUser;
  before(async () => {
    server = await startTestServer();
    [ann, bob] = [await server.register("ann"), await server.register("bob")];
  });
  after(() => server[Symbol.asyncDispose]());

  it("opens a session and tells the device its number, epoch, last client_id and limits", async () => {
    const first = await server.connect(ann, "login-device");
    assert.equal(first.me.userId, ann.userId);
    assert.equal(first.me.epoch, 1n);
    assert.equal(first.me.lastClientId, 0n);
    assert.equal(first.me.limits?.contentMaxBytes, 16_384);
    assert.notEqual(first.me.storeId, "");
    await first.close();
    const second = await server.connect(ann, "login-device");
    assert.equal(second.me.device, first.me.device);
    assert.equal(second.me.epoch, 2n);
    await second.close();
  });

  it("answers a heartbeat with the device's own clock and its own", async () => {
    const device = await server.connect(ann, "heartbeat-device");
    device.send({ frame: { case: "heartbeat", value: { clientTimeMs: 42n } } });
    const beat = await device.next("heartbeatOk");
    assert.equal(beat.clientTimeMs, 42n);
    assert.ok(beat.serverTimeMs > 1_700_000_000_000n);
    await device.close();
  });

  it("stores a message and pushes the same bytes to both sides, and the sender's push is its acknowledgement", async () => {
    await using talk = await openTalk(server, "push");
    talk.sender.send(text(1n, talk.target, "hello"));
    const [own, theirs] = [await talk.sender.next("push"), await talk.receiver.next("push")];
    assert.deepEqual(own, theirs);
    const message = own.message;
    assert.equal(message?.seq, 1n);
    await heartbeat(talk.sender);
    assert.equal(talk.sender.frames.filter(({ frame }) => frame.case === "upAck").length, 0);
    assert.equal(message?.senderId, talk.sender.me.userId);
    assert.equal(message?.senderDevice, talk.sender.me.device);
    assert.equal(message?.clientId, 1n);
    assert.equal(textOf(message), "hello");
  });

  it("appends what comes in one WebSocket message in the order of its client_ids", async () => {
    await using talk = await openTalk(server, "batch");
    const ids = Array.from({ length: 30 }, (_, index) => BigInt(index + 1));
    talk.sender.send(...ids.map((id) => text(id, talk.target, `message ${id}`)));
    for (const id of ids) {
      const { message } = await talk.receiver.next("push");
      assert.deepEqual([message?.seq, message?.clientId, textOf(message)], [id, id, `message ${id}`]);
    }
  });

  it("says nothing about a duplicate in flight: there is one ack", async () => {
    await using talk = await openTalk(server, "in-flight");
    talk.sender.send(text(1n, talk.target, "once"), text(1n, talk.target, "once"));
    await talk.sender.outcome();
    await heartbeat(talk.sender);
    for (const { frames } of [talk.sender, talk.receiver]) {
      assert.equal(frames.filter(({ frame }) => frame.case === "push" || frame.case === "upAck").length, 1);
    }
  });

  it("answers a late duplicate with the first outcome, also on another connection", async () => {
    await using talk = await openTalk(server, "late");
    talk.sender.send(text(1n, talk.target, "once"));
    const first = storedOf(await talk.sender.outcome());
    talk.sender.send(text(1n, talk.target, "once"));
    assert.deepEqual(storedOf(await talk.sender.next("upAck")), first);
    const again = await server.connect(talk.user, talk.deviceId);
    assert.equal(again.me.lastClientId, 1n);
    again.send(text(1n, talk.target, "once"));
    assert.deepEqual(storedOf(await again.next("upAck")), first);
    await again.close();
  });

  it("reports a conflict when an id comes again with other content", async () => {
    await using talk = await openTalk(server, "conflict");
    talk.sender.send(text(1n, talk.target, "one thing"));
    await talk.sender.outcome();
    talk.sender.send(text(1n, talk.target, "another thing"));
    const nack = await talk.sender.next("upNack");
    assert.deepEqual([nack.reason, nack.expected], [NackReason.CONFLICT, 1n]);
  });

  it("reports a jump once, and goes on when it is filled", async () => {
    await using talk = await openTalk(server, "jump");
    talk.sender.send(text(2n, talk.target, "two"), text(3n, talk.target, "three"));
    const nack = await talk.sender.next("upNack");
    assert.deepEqual([nack.reason, nack.expected], [NackReason.HOLE, 1n]);
    talk.sender.send(...[1n, 2n, 3n].map((id) => text(id, talk.target, `${id}`)));
    for (const id of [1n, 2n, 3n]) assert.equal((await talk.sender.outcome()).clientId, id);
    assert.equal(talk.sender.frames.filter(({ frame }) => frame.case === "upNack").length, 1);
  });

  it("fences the older connection when the same device comes again", async () => {
    const user = await server.register("fenced");
    const older = await server.connect(user, "same");
    const newer = await server.connect(user, "same");
    assert.equal((await older.next("goaway")).reason, GoawayReason.REPLACED);
    assert.equal((await older.closed).code, CloseCode.REPLACED);
    await heartbeat(newer);
    await newer.close();
  });

  it("refuses for good what retrying cannot cure, and goes on with the next id", async () => {
    await using talk = await openTalk(server, "refusal");
    talk.sender.send(text(1n, { case: "peerUserId", value: 12345n }, "nobody"), text(2n, talk.target, "somebody"));
    const refused = await talk.sender.next("upAck");
    assert.deepEqual(refused.outcome, { case: "refused", value: ErrorCode.UNKNOWN_USER });
    storedOf(await talk.sender.outcome());
    talk.sender.send(text(1n, { case: "peerUserId", value: 12345n }, "nobody"));
    assert.deepEqual(await talk.sender.next("upAck"), refused);
  });

  it("syncs what comes after a seq, and answers heads with the conversations that changed", async () => {
    await using talk = await openTalk(server, "sync");
    talk.sender.send(...[1n, 2n, 3n].map((id) => text(id, talk.target, `${id}`)));
    const { message } = await talk.receiver.next("push");
    const conversationId = message?.conversationId ?? 0n;
    await talk.receiver.next("push");
    await talk.receiver.next("push");
    talk.receiver.send({ frame: { case: "ack", value: { cursors: [{ conversationId, seq: 3n }] } } });
    talk.receiver.send({ frame: { case: "sync", value: { requestId: 7n, conversationId, afterSeq: 1n } } });
    const page = await talk.receiver.next("syncPage");
    assert.deepEqual([page.requestId, page.headSeq, page.hasMore], [7n, 3n, false]);
    assert.deepEqual(
      page.messages.map((each) => [each.seq, textOf(each)]),
      [
        [2n, "2"],
        [3n, "3"],
      ],
    );
    talk.receiver.send({ frame: { case: "heads", value: { requestId: 8n } } });
    const heads = await talk.receiver.next("headsPage");
    const head = heads.heads.find((each) => each.conversationId === conversationId);
    assert.deepEqual([heads.requestId, head?.headSeq, head?.readSeq, head?.isMember], [8n, 3n, 0n, true]);
    assert.equal(Number(head?.headCounter) - Number(head?.readCounter), 3);
    assert.ok(heads.watermark > 0n);
  });

  it("keeps a read mark, which never falls and never passes the head", async () => {
    await using talk = await openTalk(server, "read");
    talk.sender.send(...[1n, 2n, 3n].map((id) => text(id, talk.target, `${id}`)));
    const { message } = await talk.receiver.next("push");
    const conversationId = message?.conversationId ?? 0n;
    await talk.receiver.next("push");
    await talk.receiver.next("push");
    const mark = (seq: bigint) => talk.receiver.send({ frame: { case: "readMark", value: { conversationId, seq } } });
    mark(2n);
    await talk.untilRead(conversationId, 2n);
    mark(1n);
    mark(99n); // stored after the one that falls
    await talk.untilRead(conversationId, 3n);
  });

  it("delivers a group message to all members, the one who sent it included", async () => {
    const carol = await server.register("carol");
    const { group } = await server
      .api(ann.token)
      .group.createGroup({ title: "three", userIds: [bob.userId, carol.userId] });
    const devices = await Promise.all([ann, bob, carol].map((user) => server.connect(user, `group-${user.name}`)));
    const target = { case: "conversationId", value: group?.conversationId ?? 0n } as const;
    devices[0]?.send(text((devices[0]?.me.lastClientId ?? 0n) + 1n, target, "hello, all"));
    const pushes = await Promise.all(devices.map((device) => device.next("push")));
    for (const push of pushes) assert.deepEqual([push.message?.seq, textOf(push.message)], [2n, "hello, all"]);
    await Promise.all(devices.map((device) => device.close()));
  });
});

/** Two fresh users, each on a device, and the way from one to the other. */
async function openTalk(server: TestServer, name: string) {
  const [user, peer] = [await server.register(`${name}-a`), await server.register(`${name}-b`)];
  const deviceId = `${name}-device`;
  const [sender, receiver] = [await server.connect(user, deviceId), await server.connect(peer)];
  const target: Target = { case: "peerUserId", value: peer.userId };
  return {
    user,
    deviceId,
    sender,
    receiver,
    target,
    /** Asks for heads until they show that the receiver has read up to `seq`, and that it never went back. */
    async untilRead(conversationId: bigint, seq: bigint) {
      for (let last = 0n; last !== seq; ) {
        receiver.send({ frame: { case: "heads", value: { requestId: 99n } } });
        const { heads } = await receiver.next("headsPage");
        const read = heads.find((head) => head.conversationId === conversationId)?.readSeq ?? 0n;
        assert.ok(read >= last && read <= seq, `read ${read} after ${last}, waiting for ${seq}`);
        last = read;
      }
    },
    async [Symbol.asyncDispose]() {
      sender.terminate();
      receiver.terminate();
    },
  };
}
