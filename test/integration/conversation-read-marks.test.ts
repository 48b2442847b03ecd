import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type Engine, startServices, type TestServices, type TestUser } from "../support/services.js";

const maxSeq = 2n ** 64n - 1n;

let said = 0;
async function say(user: TestUser, conversationId: bigint): Promise<void> {
  const content = { body: { case: "text", value: { text: "hello" } } } as const;
  const target = { case: "conversationId", value: conversationId } as const;
  await user.messages.send({ idempotencyKey: String(said++), target, content });
}

for (const engine of ["postgresql", "embedded"] as Engine[]) {
  describe(`read marks on ${engine}`, () => {
    let world: TestServices;
    let names = 0;
    before(async () => {
      world = await startServices({ engine });
    });
    after(() => world[Symbol.asyncDispose]());

    /** A group of two with `messages` messages after its first entry, which does not count as unread. */
    async function newGroup(messages: number) {
      const ann = await world.registerUser(`user${names++}`);
      const bob = await world.registerUser(`user${names++}`);
      const { group } = await ann.groups.createGroup({ title: "x", userIds: [bob.userId] });
      const conversationId = group?.conversationId ?? 0n;
      for (let count = 0; count < messages; count++) await say(ann, conversationId);
      return { ann, bob, conversationId };
    }
    const mark = (user: TestUser, ...cursors: { conversationId: bigint; seq: bigint }[]) =>
      world.conversations.markRead({ userId: user.userId, cursors });
    const markOf = async (user: TestUser, conversationId: bigint) => {
      const { conversations } = await user.conversations.listConversations({});
      const head = conversations.find((each) => each.conversationId === conversationId);
      return [head?.readSeq, head?.readCounter];
    };

    it("move forward, and count what is read", async () => {
      const { bob, conversationId } = await newGroup(3);
      await mark(bob, { conversationId, seq: 3n });
      assert.deepEqual(await markOf(bob, conversationId), [3n, 2n]);
    });

    it("never fall", async () => {
      const { bob, conversationId } = await newGroup(3);
      await mark(bob, { conversationId, seq: 3n });
      await mark(bob, { conversationId, seq: 2n });
      await mark(bob, { conversationId, seq: 0n });
      assert.deepEqual(await markOf(bob, conversationId), [3n, 2n]);
    });

    it("never pass the head, and go on from there", async () => {
      const { ann, bob, conversationId } = await newGroup(2);
      for (const seq of [4n, 2n ** 63n, maxSeq]) {
        await mark(bob, { conversationId, seq });
        assert.deepEqual(await markOf(bob, conversationId), [3n, 2n]);
      }
      await say(ann, conversationId);
      await mark(bob, { conversationId, seq: 4n });
      assert.deepEqual(await markOf(bob, conversationId), [4n, 3n]);
    });

    it("take the highest of several for one conversation, and several conversations at once", async () => {
      const first = await newGroup(3);
      const { group } = await first.ann.groups.createGroup({ title: "y", userIds: [first.bob.userId] });
      const second = group?.conversationId ?? 0n;
      const { conversationId } = first;
      await mark(
        first.bob,
        { conversationId, seq: 2n },
        { conversationId: second, seq: 1n },
        { conversationId, seq: 4n },
      );
      assert.deepEqual(await markOf(first.bob, conversationId), [4n, 3n]);
      assert.deepEqual(await markOf(first.bob, second), [1n, 0n]);
    });

    it("of foreign and unknown conversations are ignored, and spoil nothing beside them", async () => {
      const { ann, bob, conversationId } = await newGroup(1);
      const foreign = await newGroup(2);
      await mark(
        bob,
        { conversationId: foreign.conversationId, seq: 2n },
        { conversationId: 0n, seq: 1n },
        { conversationId: maxSeq, seq: 1n },
        { conversationId, seq: 2n },
      );
      assert.deepEqual(await markOf(bob, conversationId), [2n, 1n]);
      assert.deepEqual(await markOf(ann, conversationId), [0n, 0n], "marks are each user's own");
      assert.deepEqual(await markOf(foreign.bob, foreign.conversationId), [0n, 0n]);
    });

    it("of none are no work", async () => {
      const { bob, conversationId } = await newGroup(1);
      await mark(bob);
      assert.deepEqual(await markOf(bob, conversationId), [0n, 0n]);
    });

    it("of those who left stop at the last entry they may see", async () => {
      const { ann, bob, conversationId } = await newGroup(2);
      await bob.groups.leaveGroup({ conversationId });
      await say(ann, conversationId);
      await mark(bob, { conversationId, seq: 5n });
      assert.deepEqual(await markOf(bob, conversationId), [4n, 2n]);
    });

    it("of those who came back do not fall to where they had been", async () => {
      const { ann, bob, conversationId } = await newGroup(2);
      await bob.groups.leaveGroup({ conversationId });
      await say(ann, conversationId);
      await ann.groups.addMembers({ conversationId, userIds: [bob.userId] });
      assert.deepEqual(await markOf(bob, conversationId), [5n, 3n], "what was said meanwhile is not unread");
      await mark(bob, { conversationId, seq: 3n });
      assert.deepEqual(await markOf(bob, conversationId), [5n, 3n]);
      await mark(bob, { conversationId, seq: 6n });
      assert.deepEqual(await markOf(bob, conversationId), [6n, 3n]);
    });

    it("show up in the user's heads after the watermark of before", async () => {
      const { bob, conversationId } = await newGroup(1);
      const { page: before } = await world.messages.heads({ userId: bob.userId });
      await mark(bob, { conversationId, seq: 2n });
      const { page } = await world.messages.heads({ userId: bob.userId, since: before?.watermark ?? 0n });
      assert.deepEqual(
        page?.heads.map((head) => [head.conversationId, head.readSeq]),
        [[conversationId, 2n]],
      );
    });

    it("set by many at the same time, in any order, end at the highest", async () => {
      const { ann, bob, conversationId } = await newGroup(6);
      const { group } = await ann.groups.createGroup({ title: "y", userIds: [bob.userId] });
      const other = { conversationId: group?.conversationId ?? 0n, seq: 1n };
      const marks = [7n, 2n, 5n, 3n, 6n, 4n].map((seq, index) => {
        const cursor = { conversationId, seq };
        return index % 2 === 0 ? mark(bob, cursor, other) : mark(bob, other, cursor);
      });
      await Promise.all([...marks, say(ann, conversationId), say(ann, conversationId)]);
      assert.deepEqual(await markOf(bob, conversationId), [7n, 6n]);
    });
  });
}
