import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { DeliverySchema, type LogEntry } from "../../gen/ts/tidewire/v1/delivery_pb.js";
import { MessageService } from "../../gen/ts/tidewire/v1/message_pb.js";
import { createManualClock } from "../support/clock.js";
import { startServices, type TestServices } from "../support/services.js";

const ttlMs = 60_000;

/** What a gateway gets that serves these users, and a way to take what has come since the last time. */
async function gatewayFor(world: TestServices, gateway: string, userIds: readonly bigint[]) {
  const entries: LogEntry[] = [];
  const consumer = await world.fabric.streams.consume(gateway, ({ payload }) => {
    entries.push(...fromBinary(DeliverySchema, payload).entries);
  });
  for (const userId of userIds) await world.fabric.routes.attach({ userId, device: 1, epoch: 1n, gateway }, ttlMs);
  return {
    async take(): Promise<LogEntry[]> {
      await new Promise((resolve) => setImmediate(resolve));
      return entries.splice(0);
    },
    [Symbol.asyncDispose]: () => consumer[Symbol.asyncDispose](),
  };
}

function sorted(ids: readonly bigint[]): bigint[] {
  return [...ids].sort((a, b) => (a < b ? -1 : 1));
}

describe("the delivery of a group's changes", () => {
  it("reaches the gateways of its members, the ones who join and who leave with it included", async () => {
    await using world = await startServices();
    const ann = await world.registerUser("ann");
    const bob = await world.registerUser("bob");
    await using gateway = await gatewayFor(world, "bobs", [bob.userId]);

    const { group } = await ann.groups.createGroup({ title: "x", userIds: [bob.userId] });
    const conversationId = group?.conversationId ?? 0n;
    const [created] = await gateway.take();
    assert.deepEqual(created?.userIds, [bob.userId]);
    assert.deepEqual(sorted(created.joinedUserIds), sorted([ann.userId, bob.userId]));

    await bob.groups.leaveGroup({ conversationId });
    const [left] = await gateway.take();
    assert.deepEqual(left?.userIds, [bob.userId]);
    assert.deepEqual(left.leftUserIds, [bob.userId]);

    await ann.groups.addMembers({ conversationId, userIds: await world.createUsers(1) });
    assert.deepEqual(await gateway.take(), [], "bob has left");

    await ann.groups.addMembers({ conversationId, userIds: [bob.userId] });
    const [joined] = await gateway.take();
    assert.deepEqual(joined?.joinedUserIds, [bob.userId]);
    assert.equal(joined.seq, 4n);
    assert.equal(joined.rosterSeq, 4n);
  });

  /** A group of five, at the threshold, and a sixth user. Ann's gateway is there. */
  async function fiveAndOne() {
    const clock = createManualClock();
    const world = await startServices({ clock, settings: { routeByConversationAbove: 5 } });
    const ann = await world.registerUser("ann");
    const others = await world.createUsers(4);
    const [sixth = 0n] = await world.createUsers(1);
    const { group } = await ann.groups.createGroup({ title: "x", userIds: others });
    const conversationId = group?.conversationId ?? 0n;
    const gateway = await gatewayFor(world, "anns", [ann.userId]);
    let said = 0;
    return {
      clock,
      world,
      ann,
      others,
      sixth,
      conversationId,
      gateway,
      add: (...userIds: bigint[]) => ann.groups.addMembers({ conversationId, userIds }),
      async say() {
        const { token } = await world.accessTokens.issue(ann.userId);
        const messages = createClient(MessageService, world.transportWith({ authorization: `Bearer ${token}` }));
        const content = { body: { case: "text", value: { text: "hello" } } } as const;
        const target = { case: "conversationId", value: conversationId } as const;
        await messages.send({ idempotencyKey: `${said++}`, target, content });
      },
      async leave(userId: bigint) {
        const { token } = await world.accessTokens.issue(userId);
        await world.groupsAs(token).leaveGroup({ conversationId });
      },
      async interestsOfAnn() {
        const { interests } = await world.conversations.listInterests({ userId: ann.userId });
        return interests.map((interest) => [interest.conversationId, interest.rosterSeq]);
      },
      async [Symbol.asyncDispose]() {
        await gateway[Symbol.asyncDispose]();
        await world[Symbol.asyncDispose]();
      },
    };
  }

  it("goes by user and announces itself by conversation for three minutes, once a group has grown over the threshold", async () => {
    await using group = await fiveAndOne();
    const { clock, world, ann, sixth, conversationId, gateway, add, say, interestsOfAnn } = group;
    assert.deepEqual(await interestsOfAnn(), [], "five members are delivered by user");
    await say();
    assert.equal((await gateway.take())[0]?.announcesConversation, false);

    await add(sixth);
    assert.deepEqual(await interestsOfAnn(), [[conversationId, 3n]]);
    const [grown] = await gateway.take();
    assert.deepEqual([grown?.userIds, grown?.announcesConversation], [[ann.userId], true]);
    assert.deepEqual(grown?.joinedUserIds, [sixth], "only who is new joins");

    clock.advance(59_000);
    await world.fabric.routes.attach({ userId: ann.userId, device: 1, epoch: 1n, gateway: "anns" }, 10 * ttlMs);
    clock.advance(120_999);
    await say();
    const [last] = await gateway.take();
    assert.deepEqual([last?.userIds, last?.announcesConversation], [[ann.userId], true]);

    clock.advance(1);
    await world.fabric.routes.want("anns", conversationId, ttlMs);
    await say();
    const [first] = await gateway.take();
    assert.deepEqual([first?.seq, first?.userIds, first?.announcesConversation], [5n, [], false]);
    assert.deepEqual(await interestsOfAnn(), [[conversationId, 3n]]);
  });

  it("ends that time with an entry of the system as well, and never begins it again, not even if the clock steps back", async () => {
    await using group = await fiveAndOne();
    const { clock, world, sixth, conversationId, gateway, add, say } = group;
    await add(sixth);
    await gateway.take();
    clock.advance(180_000);
    await world.fabric.routes.want("anns", conversationId, ttlMs);
    await add(...(await world.createUsers(1)));
    clock.stepWall(-60_000);
    await say();
    await add(...(await world.createUsers(1)));
    assert.deepEqual(
      (await gateway.take()).map((entry) => [entry.seq, entry.userIds, entry.announcesConversation]),
      [
        [3n, [], false],
        [4n, [], false],
        [5n, [], false],
      ],
    );
  });

  it("goes back by user at once below 80 % of the threshold, from either", async () => {
    for (const passMs of [1_000, 180_000]) {
      await using group = await fiveAndOne();
      const { clock, world, ann, others, sixth, conversationId, gateway, add, leave, interestsOfAnn } = group;
      await add(sixth);
      clock.advance(passMs);
      for (const userId of others.slice(0, 2)) await leave(userId);
      assert.deepEqual(await interestsOfAnn(), [[conversationId, 4n]], "four of five members are not below 80 %");
      await world.fabric.routes.attach({ userId: ann.userId, device: 1, epoch: 1n, gateway: "anns" }, ttlMs);
      await gateway.take();
      await leave(sixth);
      assert.deepEqual(await interestsOfAnn(), []);
      const [back] = await gateway.take();
      assert.deepEqual([back?.userIds, back?.announcesConversation], [[ann.userId], false]);
    }
  });

  it("goes by conversation from the first entry on in a group that begins above the threshold", async () => {
    await using world = await startServices();
    const ann = await world.registerUser("ann");
    await using gateway = await gatewayFor(world, "anns", [ann.userId]);
    await ann.groups.createGroup({ title: "x", userIds: await world.createUsers(100) });
    const [entry] = await gateway.take();
    assert.deepEqual(entry?.userIds, []);
    assert.equal(entry.joinedUserIds.length, 101);
    assert.equal((await world.conversations.listInterests({ userId: ann.userId })).interests.length, 1);
  });
});
