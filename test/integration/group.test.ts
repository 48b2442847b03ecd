import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Event, Message } from "../../gen/ts/tidewire/v1/content_pb.js";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { Role } from "../../gen/ts/tidewire/v1/group_pb.js";
import { failsWith } from "../support/errors.js";
import { type Engine, startServices, type TestServices, type TestUser } from "../support/services.js";

const maxId = 2n ** 64n - 1n;

function eventOf(message: Message | undefined): Event["kind"] {
  return message?.content?.body.case === "event" ? message.content.body.value.kind : { case: undefined };
}

function say(user: TestUser, conversationId: bigint, text: string) {
  const content = { body: { case: "text", value: { text } } } as const;
  const target = { case: "conversationId", value: conversationId } as const;
  return user.messages.send({ idempotencyKey: `${user.userId} ${text}`, target, content });
}

/** The log as a user sees it, by rising seq. */
async function historyOf(user: TestUser, conversationId: bigint): Promise<Message[]> {
  return (await user.conversations.getHistory({ conversationId, limit: 200 })).messages;
}

for (const engine of ["postgresql", "embedded"] as Engine[]) {
  describe(`groups on ${engine}`, () => {
    let world: TestServices;
    let ann: TestUser;
    let bob: TestUser;
    let cem: TestUser;
    before(async () => {
      world = await startServices({ engine, settings: { groupMembersMax: 6 } });
      ann = await world.registerUser("ann");
      bob = await world.registerUser("bob");
      cem = await world.registerUser("cem");
    });
    after(() => world[Symbol.asyncDispose]());

    async function create(creator: TestUser, ...others: TestUser[]): Promise<bigint> {
      const userIds = others.map((user) => user.userId);
      const { group } = await creator.groups.createGroup({ title: "a group", userIds });
      assert.ok(group);
      return group.conversationId;
    }

    const membersOf = async (reader: TestUser, conversationId: bigint) => {
      const { members } = await reader.groups.listMembers({ conversationId });
      return new Map(members.map(({ userId, role, fromSeq }) => [userId, { role, fromSeq }]));
    };

    it("begin with the entry that says so, and so do the memberships of all", async () => {
      const userIds = [bob.userId, ann.userId, bob.userId];
      const { group } = await ann.groups.createGroup({ title: "Crew", userIds });
      assert.equal(group?.memberCount, 2, "the creator and repeats count once");
      const [entry, ...more] = await historyOf(bob, group.conversationId);
      assert.deepEqual(more, []);
      assert.equal(entry?.seq, 1n);
      assert.equal(entry.senderId, 0n);
      const event = eventOf(entry);
      assert.ok(event.case === "groupCreated");
      assert.equal(event.value.title, "Crew");
      assert.equal(event.value.byUserId, ann.userId);
      assert.deepEqual(event.value.userIds, [ann.userId, bob.userId]);
      assert.deepEqual(
        await membersOf(bob, group.conversationId),
        new Map([
          [ann.userId, { role: Role.OWNER, fromSeq: 1n }],
          [bob.userId, { role: Role.MEMBER, fromSeq: 1n }],
        ]),
      );
      const { group: read } = await bob.groups.getGroup({ conversationId: group.conversationId });
      assert.deepEqual(read, group);
    });

    it("may consist of their creator alone", async () => {
      const conversationId = await create(ann);
      assert.equal((await membersOf(ann, conversationId)).size, 1);
    });

    it("with a user who does not exist are not created at all", async () => {
      const countOf = async () => {
        const [row] = await world.store.sql<{ count: bigint }[]>`select count(*) from conversation`;
        return row?.count;
      };
      const before = await countOf();
      for (const unknown of [0n, 1n, maxId]) {
        const call = ann.groups.createGroup({ title: "x", userIds: [bob.userId, unknown] });
        await assert.rejects(call, failsWith(ErrorCode.UNKNOWN_USER));
      }
      assert.equal(await countOf(), before);
    });

    it("let newcomers read from the entry that brought them in, which is one for all of them", async () => {
      const conversationId = await create(ann);
      await say(ann, conversationId, "before you came");
      const { group } = await ann.groups.addMembers({ conversationId, userIds: [bob.userId, cem.userId] });
      assert.equal(group?.memberCount, 3);
      const log = await historyOf(bob, conversationId);
      assert.deepEqual(
        log.map((message) => message.seq),
        [3n],
      );
      const event = eventOf(log[0]);
      assert.ok(event.case === "membersJoined");
      assert.deepEqual(new Set(event.value.userIds), new Set([bob.userId, cem.userId]));
      assert.equal(event.value.byUserId, ann.userId);
      assert.equal((await membersOf(bob, conversationId)).get(bob.userId)?.fromSeq, 3n);
    });

    it("show newcomers nothing as unread that was said before they came", async () => {
      const conversationId = await create(ann);
      await say(ann, conversationId, "unread by nobody else");
      await ann.groups.addMembers({ conversationId, userIds: [bob.userId] });
      await say(ann, conversationId, "unread by bob");
      const { conversations } = await bob.conversations.listConversations({});
      const head = conversations.find((each) => each.conversationId === conversationId);
      assert.equal((head?.headCounter ?? 0n) - (head?.readCounter ?? 0n), 1n);
    });

    it("do not change when someone is added who is in already", async () => {
      const conversationId = await create(ann, bob);
      await bob.groups.addMembers({ conversationId, userIds: [ann.userId, bob.userId] });
      assert.equal((await historyOf(ann, conversationId)).length, 1);
      await bob.groups.addMembers({ conversationId, userIds: [ann.userId, cem.userId] });
      const event = eventOf((await historyOf(ann, conversationId))[1]);
      assert.ok(event.case === "membersJoined");
      assert.deepEqual(event.value.userIds, [cem.userId]);
    });

    it("refuse an unknown user among those to be added, and then add nobody", async () => {
      const conversationId = await create(ann);
      const call = ann.groups.addMembers({ conversationId, userIds: [bob.userId, maxId] });
      await assert.rejects(call, failsWith(ErrorCode.UNKNOWN_USER));
      assert.equal((await membersOf(ann, conversationId)).size, 1);
    });

    it("are full at their largest size", async () => {
      const conversationId = await create(ann, bob);
      await ann.groups.addMembers({ conversationId, userIds: await world.createUsers(4) });
      const call = ann.groups.addMembers({ conversationId, userIds: [cem.userId] });
      await assert.rejects(call, failsWith(ErrorCode.GROUP_FULL));
      await ann.groups.addMembers({ conversationId, userIds: [bob.userId] });
    });

    it("end a membership with the entry that says so: who left reads up to it and no further", async () => {
      const conversationId = await create(ann, bob);
      await say(ann, conversationId, "still here");
      await bob.groups.leaveGroup({ conversationId });
      await say(ann, conversationId, "bob is gone");
      const log = await historyOf(bob, conversationId);
      assert.deepEqual(
        log.map((message) => message.seq),
        [1n, 2n, 3n],
      );
      const event = eventOf(log[2]);
      assert.ok(event.case === "memberLeft" && event.value.userId === bob.userId);
      const { group } = await ann.groups.getGroup({ conversationId });
      assert.equal(group?.memberCount, 1);
    });

    it("give who has left and asks again the same answer, and change nothing", async () => {
      const conversationId = await create(ann, bob);
      await bob.groups.leaveGroup({ conversationId });
      await bob.groups.leaveGroup({ conversationId });
      assert.equal((await historyOf(ann, conversationId)).length, 2);
    });

    it("take back who has left, who does not read what was said meanwhile", async () => {
      const conversationId = await create(ann, bob);
      await bob.groups.leaveGroup({ conversationId });
      await say(ann, conversationId, "between us");
      await ann.groups.addMembers({ conversationId, userIds: [bob.userId] });
      await say(ann, conversationId, "welcome back");
      assert.deepEqual(
        (await historyOf(bob, conversationId)).map((message) => message.seq),
        [1n, 2n, 4n, 5n],
      );
      assert.equal((await membersOf(bob, conversationId)).get(bob.userId)?.fromSeq, 4n);
    });

    it("pass from an owner who leaves to the longest member", async () => {
      const conversationId = await create(ann);
      await ann.groups.addMembers({ conversationId, userIds: [cem.userId] });
      await ann.groups.addMembers({ conversationId, userIds: [bob.userId] });
      await ann.groups.leaveGroup({ conversationId });
      const members = await membersOf(bob, conversationId);
      assert.equal(members.get(cem.userId)?.role, Role.OWNER);
      assert.equal(members.get(bob.userId)?.role, Role.MEMBER);
      await ann.groups.leaveGroup({ conversationId });
      assert.equal((await membersOf(bob, conversationId)).get(cem.userId)?.role, Role.OWNER);
    });

    it("may be left by the last one", async () => {
      const conversationId = await create(ann);
      await ann.groups.leaveGroup({ conversationId });
      assert.equal((await historyOf(ann, conversationId)).length, 2);
      await assert.rejects(ann.groups.getGroup({ conversationId }), failsWith(ErrorCode.NOT_A_MEMBER));
    });

    it("are unknown to those who never were members, and closed to those who left", async () => {
      const conversationId = await create(ann, bob);
      const { conversationId: direct } = await cem.conversations.openDirect({ peerUserId: ann.userId });
      await bob.groups.leaveGroup({ conversationId });
      const callsOf = (user: TestUser, id: bigint) => [
        () => user.groups.getGroup({ conversationId: id }),
        () => user.groups.listMembers({ conversationId: id }),
        () => user.groups.addMembers({ conversationId: id, userIds: [cem.userId] }),
      ];
      const unknown = failsWith(ErrorCode.UNKNOWN_CONVERSATION);
      for (const id of [conversationId, direct, 0n, 1n, maxId]) {
        for (const call of callsOf(cem, id)) await assert.rejects(call, unknown);
        await assert.rejects(cem.groups.leaveGroup({ conversationId: id }), unknown);
      }
      for (const call of callsOf(bob, conversationId)) await assert.rejects(call, failsWith(ErrorCode.NOT_A_MEMBER));
    });

    it("list their members page by page, by rising user id", async () => {
      const conversationId = await create(ann, bob, cem);
      const first = await ann.groups.listMembers({ conversationId, limit: 2 });
      assert.equal(first.hasMore, true);
      const afterUserId = first.members.at(-1)?.userId ?? 0n;
      const second = await ann.groups.listMembers({ conversationId, limit: 2, afterUserId });
      assert.equal(second.hasMore, false);
      const ids = [...first.members, ...second.members].map((member) => member.userId);
      assert.deepEqual(
        ids,
        [ann.userId, bob.userId, cem.userId].sort((a, b) => (a < b ? -1 : 1)),
      );
      const beyond = await ann.groups.listMembers({ conversationId, afterUserId: maxId });
      assert.deepEqual(beyond.members, []);
    });

    it("refuse requests that are out of range, naming the field", async () => {
      const conversationId = await create(ann);
      const calls: [RegExp, () => Promise<unknown>][] = [
        [/ title:/, () => ann.groups.createGroup({ title: "" })],
        [/ title:/, () => ann.groups.createGroup({ title: "x".repeat(256) })],
        [/ title:/, () => ann.groups.createGroup({ title: "a\nb" })],
        [/ user_ids:/, () => ann.groups.createGroup({ title: "x", userIds: Array<bigint>(200).fill(1n) })],
        [/ user_ids:/, () => ann.groups.addMembers({ conversationId, userIds: [] })],
        [/ user_ids:/, () => ann.groups.addMembers({ conversationId, userIds: Array<bigint>(201).fill(1n) })],
      ];
      for (const [message, call] of calls) {
        await assert.rejects(call, message);
        await assert.rejects(call, failsWith(ErrorCode.INVALID_ARGUMENT));
      }
    });
  });
}
