import assert from "node:assert/strict";
import { it } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { SendRequestSchema } from "../../gen/ts/tidewire/v1/message_pb.js";
import { send } from "../../services/message/send.js";
import { createGroup, createUser, createUsers, leave, logOf, text } from "../support/log-world.js";
import { submitting, toConversation, toPeer } from "../support/message-world.js";
import { describeOnEachEngine } from "../support/store.js";

describeOnEachEngine("sending without a socket", (store) => {
  const request = (fields: MessageInitShape<typeof SendRequestSchema>) =>
    create(SendRequestSchema, { idempotencyKey: "key", content: text("hello"), ...fields });

  async function userInGroup() {
    const ann = await createUser(store().sql);
    return { ann, group: await createGroup(store().sql, ann), world: submitting(store()) };
  }

  it("stores a message once, however often it is sent with the same key, and gives the same answer", async () => {
    const { ann, group, world } = await userInGroup();
    const first = await send(world, ann, request({ target: toConversation(group) }));
    const second = await send(world, ann, request({ target: toConversation(group) }));
    assert.deepEqual(second, first);
    assert.equal(first.seq, 1n);
    assert.deepEqual(await logOf(store().sql, group), ["hello"]);
    assert.deepEqual(
      world.publisher.published.map(({ seq, senderId, senderDevice, clientId }) => [
        seq,
        senderId,
        senderDevice,
        clientId,
      ]),
      [
        [1n, ann, 0, 1n],
        [1n, ann, 0, 1n],
      ],
    );
  });

  it("stores one message of many that are sent with the same key at once", async () => {
    const { ann, group, world } = await userInGroup();
    const sent = await Promise.all(
      Array.from({ length: 6 }, () => send(world, ann, request({ target: toConversation(group) }))),
    );
    assert.equal(new Set(sent.map((placed) => placed.messageId)).size, 1);
    assert.deepEqual(await logOf(store().sql, group), ["hello"]);
  });

  it("stores as many messages as there are keys, though they are sent at once", async () => {
    const { ann, group, world } = await userInGroup();
    const keys = Array.from({ length: 10 }, (_, index) => `key ${index}`);
    await Promise.all(
      keys.map((key) =>
        send(world, ann, request({ idempotencyKey: key, target: toConversation(group), content: text(key) })),
      ),
    );
    assert.deepEqual((await logOf(store().sql, group)).sort(), keys);
  });

  it("reports a conflict if a key comes with another content or target", async () => {
    const { ann, group, world } = await userInGroup();
    const other = await createGroup(store().sql, ann);
    await send(world, ann, request({ target: toConversation(group) }));
    const conflict = { code: ErrorCode.CONFLICT };
    await assert.rejects(send(world, ann, request({ target: toConversation(group), content: text("else") })), conflict);
    await assert.rejects(send(world, ann, request({ target: toConversation(other) })), conflict);
    assert.deepEqual([await logOf(store().sql, group), await logOf(store().sql, other)], [["hello"], []]);
  });

  it("keeps the keys of different users apart", async () => {
    const [ann = 0n, bob = 0n] = await createUsers(store().sql, 2);
    const group = await createGroup(store().sql, ann, bob);
    const world = submitting(store());
    await send(world, ann, request({ target: toConversation(group), content: text("from Ann") }));
    await send(world, bob, request({ target: toConversation(group), content: text("from Bob") }));
    assert.deepEqual(await logOf(store().sql, group), ["from Ann", "from Bob"]);
  });

  it("opens the direct conversation with a user", async () => {
    const [ann = 0n, bob = 0n] = await createUsers(store().sql, 2);
    const world = submitting(store());
    const { conversationId } = await send(world, ann, request({ target: toPeer(bob) }));
    const again = await send(world, ann, request({ target: toPeer(bob), idempotencyKey: "another" }));
    assert.equal(again.conversationId, conversationId);
    await assert.rejects(send(world, ann, request({ target: toPeer(404n), idempotencyKey: "third" })), {
      code: ErrorCode.UNKNOWN_USER,
    });
  });

  it("refuses who is not a member, and gives the same refusal for the same key", async () => {
    const { ann, group, world } = await userInGroup();
    const stranger = await createUser(store().sql);
    const unknown = { code: ErrorCode.UNKNOWN_CONVERSATION };
    await assert.rejects(send(world, stranger, request({ target: toConversation(group) })), unknown);
    await assert.rejects(send(world, stranger, request({ target: toConversation(group) })), unknown);
    await leave(store().sql, group, ann);
    const left = { code: ErrorCode.NOT_A_MEMBER };
    await assert.rejects(send(world, ann, request({ target: toConversation(group) })), left);
    assert.deepEqual(world.publisher.published, []);
  });

  it("names the field that is wrong", async () => {
    const { ann, group, world } = await userInGroup();
    const target = toConversation(group);
    const wrong: [MessageInitShape<typeof SendRequestSchema>, ErrorCode, RegExp][] = [
      [{ target, idempotencyKey: "" }, ErrorCode.INVALID_ARGUMENT, /^idempotency_key: missing/],
      [
        { target, idempotencyKey: "ü".repeat(33) },
        ErrorCode.INVALID_ARGUMENT,
        /^idempotency_key: longer than 64 bytes/,
      ],
      [{ target, idempotencyKey: "a\0b" }, ErrorCode.INVALID_ARGUMENT, /^idempotency_key/],
      [{}, ErrorCode.INVALID_ARGUMENT, /^conversation_id or peer_user_id/],
      [{ target, content: {} }, ErrorCode.INVALID_ARGUMENT, /^content/],
      [{ target, content: text("x".repeat(20_000)) }, ErrorCode.CONTENT_TOO_LARGE, /^content: 20\d\d\d bytes/],
    ];
    for (const [fields, code, message] of wrong) {
      await assert.rejects(send(world, ann, request(fields)), { code, message });
    }
    assert.deepEqual(await logOf(store().sql, group), []);
  });
});
