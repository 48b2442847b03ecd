import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { ConversationKind } from "../../gen/ts/tidewire/v1/content_pb.js";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { failsWith } from "../support/errors.js";
import { type Engine, startServices, type TestServices, type TestUser } from "../support/services.js";

const maxId = 2n ** 64n - 1n;

let said = 0;
/** Says something and returns its seq. */
async function say(user: TestUser, conversationId: bigint, text = "hello"): Promise<bigint> {
  const content = { body: { case: "text", value: { text } } } as const;
  const target = { case: "conversationId", value: conversationId } as const;
  const { stored } = await user.messages.send({ idempotencyKey: String(said++), target, content });
  return stored?.seq ?? 0n;
}

for (const engine of ["postgresql", "embedded"] as Engine[]) {
  describe(`conversations on ${engine}`, () => {
    let world: TestServices;
    let names = 0;
    before(async () => {
      world = await startServices({ engine });
    });
    after(() => world[Symbol.asyncDispose]());

    const newUser = () => world.registerUser(`user${names++}`);
    async function newPair() {
      const [ann, bob] = [await newUser(), await newUser()];
      const { conversationId } = await ann.conversations.openDirect({ peerUserId: bob.userId });
      return { ann, bob, conversationId };
    }
    const listOf = async (user: TestUser) => (await user.conversations.listConversations({})).conversations;
    const seqsOf = async (user: TestUser, query: { conversationId: bigint; beforeSeq?: bigint; limit?: number }) => {
      const { messages, hasMore } = await user.conversations.getHistory(query);
      return { seqs: messages.map((message) => Number(message.seq)), hasMore };
    };

    it("of two users are one, whoever opens it and however often, also at the same time", async () => {
      const [ann, bob] = [await newUser(), await newUser()];
      const opened = await Promise.all([
        ann.conversations.openDirect({ peerUserId: bob.userId }),
        bob.conversations.openDirect({ peerUserId: ann.userId }),
        ann.conversations.openDirect({ peerUserId: bob.userId }),
      ]);
      assert.equal(new Set(opened.map((each) => each.conversationId)).size, 1);
      const [head] = await listOf(bob);
      assert.equal(head?.kind, ConversationKind.DIRECT);
      assert.equal(head.peerUserId, ann.userId);
      assert.equal((await listOf(ann))[0]?.peerUserId, bob.userId);
    });

    it("with oneself bear the user's own id", async () => {
      const ann = await newUser();
      const { conversationId } = await ann.conversations.openDirect({ peerUserId: ann.userId });
      assert.equal(conversationId, ann.userId);
      assert.equal((await listOf(ann))[0]?.kind, ConversationKind.SELF);
    });

    it("with nobody are not opened", async () => {
      const ann = await newUser();
      for (const peerUserId of [0n, 1n, maxId]) {
        await assert.rejects(ann.conversations.openDirect({ peerUserId }), failsWith(ErrorCode.UNKNOWN_USER));
      }
    });

    it("are listed with the one that changed last first, with title, preview and unread messages", async () => {
      const { ann, bob, conversationId } = await newPair();
      const { group } = await ann.groups.createGroup({ title: "Crew", userIds: [bob.userId] });
      await say(ann, conversationId, "one");
      await say(ann, conversationId, "two");
      const [first, second] = await listOf(bob);
      assert.equal(first?.conversationId, conversationId);
      assert.equal(first.headSeq, 2n);
      assert.equal(first.headCounter - first.readCounter, 2n);
      assert.equal(first.isMember, true);
      assert.deepEqual(first.preview?.content?.body.value, {
        $typeName: "tidewire.v1.Text",
        text: "two",
      });
      assert.equal(second?.conversationId, group?.conversationId);
      assert.equal(second?.title, "Crew");
      assert.equal(second?.kind, ConversationKind.GROUP);
      await say(bob, group?.conversationId ?? 0n, "up again");
      assert.equal((await listOf(bob))[0]?.conversationId, group?.conversationId);
    });

    it("are listed without the content of a preview that is large", async () => {
      const { ann, conversationId } = await newPair();
      await say(ann, conversationId, "x".repeat(1_100));
      const [head] = await listOf(ann);
      assert.equal(head?.preview?.seq, 1n);
      assert.equal(head.preview.content, undefined);
    });

    it("are listed page by page, each once", async () => {
      const ann = await newUser();
      const peers = await world.createUsers(7);
      for (const peerUserId of peers) await ann.conversations.openDirect({ peerUserId });
      const seen: bigint[] = [];
      let pageToken = "";
      do {
        const page = await ann.conversations.listConversations({ limit: 3, pageToken });
        assert.ok(page.conversations.length <= 3);
        seen.push(...page.conversations.map((head) => head.peerUserId));
        pageToken = page.nextPageToken;
      } while (pageToken !== "");
      assert.deepEqual(seen, peers.reverse());
    });

    it("that the user has left are listed as they were when it left", async () => {
      const { ann, bob } = await newPair();
      const { group } = await ann.groups.createGroup({ title: "Crew", userIds: [bob.userId] });
      const conversationId = group?.conversationId ?? 0n;
      await say(ann, conversationId);
      await bob.groups.leaveGroup({ conversationId });
      await say(ann, conversationId);
      await say(ann, conversationId);
      const head = (await listOf(bob)).find((each) => each.conversationId === conversationId);
      assert.equal(head?.isMember, false);
      assert.equal(head.headSeq, 3n);
      assert.equal(head.headCounter, 1n);
      assert.equal(head.preview?.seq, 3n);
    });

    it("refuse a page token that is not one of theirs", async () => {
      const ann = await newUser();
      for (const pageToken of ["x", "1", "1.", "1.2.3", "-1.1", "9223372036854775808.1", "x".repeat(65)]) {
        const call = ann.conversations.listConversations({ pageToken });
        await assert.rejects(call, (error: Error) => {
          assert.match(error.message, /page_token:/);
          return failsWith(ErrorCode.INVALID_ARGUMENT)(error);
        });
      }
    });

    it("are read backwards, page by page, each message once", async () => {
      const { ann, bob, conversationId } = await newPair();
      for (let count = 0; count < 7; count++) await say(ann, conversationId);
      assert.deepEqual(await seqsOf(bob, { conversationId, limit: 3 }), { seqs: [5, 6, 7], hasMore: true });
      const second = await seqsOf(bob, { conversationId, limit: 3, beforeSeq: 5n });
      assert.deepEqual(second, { seqs: [2, 3, 4], hasMore: true });
      const third = await seqsOf(bob, { conversationId, limit: 3, beforeSeq: 2n });
      assert.deepEqual(third, { seqs: [1], hasMore: false });
      assert.deepEqual(await seqsOf(bob, { conversationId, beforeSeq: 1n }), { seqs: [], hasMore: false });
      assert.equal((await seqsOf(bob, { conversationId, beforeSeq: maxId })).seqs.length, 7);
    });

    it("are read with exactly the page size left over as the last page", async () => {
      const { ann, conversationId } = await newPair();
      for (let count = 0; count < 3; count++) await say(ann, conversationId);
      assert.deepEqual(await seqsOf(ann, { conversationId, limit: 3 }), { seqs: [1, 2, 3], hasMore: false });
    });

    it("are read in pages that end with the message that takes them over 48 KiB", async () => {
      const { ann, conversationId } = await newPair();
      for (let count = 0; count < 6; count++) await say(ann, conversationId, "x".repeat(15_000));
      assert.deepEqual(await seqsOf(ann, { conversationId }), { seqs: [3, 4, 5, 6], hasMore: true });
    });

    it("are read by page size 50 and at most 200", async () => {
      const { ann, conversationId } = await newPair();
      await world.store.sql`
        insert into message (
          conversation_id, seq, message_id, sender_id, device, client_id, counter, sent_at_ms, content
        )
        select ${conversationId}, seq, seq, ${ann.userId}, 0, seq, seq, 0, '' from generate_series(1, 210) as seq`;
      assert.equal((await seqsOf(ann, { conversationId })).seqs.length, 50);
      assert.deepEqual((await seqsOf(ann, { conversationId, limit: 1_000 })).seqs.length, 200);
    });

    it("are unknown to strangers", async () => {
      const { conversationId } = await newPair();
      const stranger = await newUser();
      for (const id of [conversationId, 0n, maxId]) {
        const call = stranger.conversations.getHistory({ conversationId: id });
        await assert.rejects(call, failsWith(ErrorCode.UNKNOWN_CONVERSATION));
      }
    });
  });
}
