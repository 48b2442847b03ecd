import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { ContentSchema } from "../../gen/ts/tidewire/v1/content_pb.js";
import { startServices, type TestServices, type TestUser } from "../support/services.js";

type Entry = { seq: bigint; senderId: bigint; content: Uint8Array };
type Interval = { userId: bigint; fromSeq: bigint; toSeq: bigint | null };

async function world() {
  const services = await startServices({ settings: { routeByConversationAbove: 3, groupMembersMax: 4 } });
  const users = await Promise.all(["ann", "bob", "cem", "dan"].map((name) => services.registerUser(name)));
  const [ann] = users as [TestUser, ...TestUser[]];
  const { group } = await ann.groups.createGroup({ title: "x" });
  return { services, users, ann, conversationId: group?.conversationId ?? 0n };
}

/** The log from seq 1 on and the intervals, straight from the store. */
async function readStore({ store }: TestServices, conversationId: bigint) {
  const log = await store.sql<Entry[]>`
    select seq, sender_id as "senderId", content from message
    where conversation_id = ${conversationId} order by seq`;
  const intervals = await store.sql<Interval[]>`
    select user_id as "userId", from_seq as "fromSeq", to_seq as "toSeq" from member
    where conversation_id = ${conversationId} order by from_seq`;
  const [head] = await store.sql<{ headSeq: bigint; memberCount: number; routing: number; rosterSeq: bigint }[]>`
    select head_seq as "headSeq", member_count as "memberCount", routing, roster_seq as "rosterSeq"
    from conversation where conversation_id = ${conversationId}`;
  assert.ok(head);
  return { log, intervals, head };
}

function isWithin(seq: bigint, { fromSeq, toSeq }: Interval): boolean {
  return fromSeq <= seq && (toSeq === null || seq <= toSeq);
}

/** Applies the log's events one after the other and says who is in afterwards. */
function replay(log: readonly Entry[]): Set<bigint> {
  const members = new Set<bigint>();
  for (const entry of log) {
    const { body } = fromBinary(ContentSchema, entry.content);
    if (body.case !== "event") continue;
    const { kind } = body.value;
    if (kind.case === "memberLeft") members.delete(kind.value.userId);
    else for (const userId of kind.value?.userIds ?? []) members.add(userId);
  }
  return members;
}

describe("a group that its members change and write to all at the same time", () => {
  it("keeps one log without a hole, memberships that begin and end in it, and nothing said by outsiders", async () => {
    const { services, users, ann, conversationId } = await world();
    await using _ = services;
    const others = users.slice(1);
    const ignore = () => undefined;
    const adding = (user: TestUser) => ann.groups.addMembers({ conversationId, userIds: [user.userId] }).catch(ignore);
    const leaving = (user: TestUser) => user.groups.leaveGroup({ conversationId }).catch(ignore);
    let said = 0;
    const saying = (user: TestUser) => {
      const content = { body: { case: "text", value: { text: "hello" } } } as const;
      const target = { case: "conversationId", value: conversationId } as const;
      return user.messages.send({ idempotencyKey: `${said++}`, target, content }).catch(ignore);
    };
    for (let round = 0; round < 12; round++) {
      const calls = others.flatMap((user) => [adding(user), saying(user), leaving(user), adding(user), saying(user)]);
      await Promise.all([...calls, saying(ann)]);
    }

    const { log, intervals, head } = await readStore(services, conversationId);
    assert.ok(intervals.length > 8, `only ${intervals.length} memberships: nothing raced`);
    assert.deepEqual(
      log.map((entry) => entry.seq),
      log.map((_entry, index) => BigInt(index + 1)),
    );
    assert.equal(head.headSeq, BigInt(log.length));
    for (const { seq, senderId } of log) {
      const isMembers = intervals.some((interval) => interval.userId === senderId && isWithin(seq, interval));
      assert.ok(senderId === 0n || isMembers, `seq ${seq} was said by somebody who was no member then`);
    }
    const present = intervals.filter((interval) => interval.toSeq === null).map((interval) => interval.userId);
    assert.equal(head.memberCount, present.length);
    const possibleRoutings = [present.length > 2 ? [3] : [], present.length < 4 ? [1] : []].flat();
    assert.ok(possibleRoutings.includes(head.routing), `${present.length} members by routing ${head.routing}`);
    assert.deepEqual(replay(log), new Set(present));
  });

  it("never grows beyond its limit", async () => {
    const { services, ann, conversationId } = await world();
    await using _ = services;
    const crowd = await services.createUsers(12);
    const outcomes = await Promise.allSettled(
      crowd.map((userId) => ann.groups.addMembers({ conversationId, userIds: [userId] })),
    );
    assert.equal(outcomes.filter((outcome) => outcome.status === "fulfilled").length, 3);
    assert.equal((await readStore(services, conversationId)).head.memberCount, 4);
  });

  it("takes in a user once whom many add, and lets go once of one who leaves many times", async () => {
    const { services, users, ann, conversationId } = await world();
    await using _ = services;
    const [, bob] = users as [TestUser, TestUser];
    const many = Array.from({ length: 6 });
    await Promise.all(many.map(() => ann.groups.addMembers({ conversationId, userIds: [bob.userId] })));
    await Promise.all(many.map(() => bob.groups.leaveGroup({ conversationId })));
    const { log, intervals } = await readStore(services, conversationId);
    assert.equal(log.length, 3);
    assert.deepEqual(
      intervals.filter((interval) => interval.userId === bob.userId).map(({ fromSeq, toSeq }) => [fromSeq, toSeq]),
      [[2n, 3n]],
    );
  });
});
