import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { DeliverySchema, type LogEntry } from "../../gen/ts/tidewire/v1/delivery_pb.js";
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

  it("goes by conversation above the threshold and back by user below 80 % of it", async () => {
    await using world = await startServices({ settings: { routeByConversationAbove: 5 } });
    const ann = await world.registerUser("ann");
    const bob = await world.registerUser("bob");
    const others = await world.createUsers(3);
    const { group } = await ann.groups.createGroup({ title: "x", userIds: [bob.userId, ...others] });
    const conversationId = group?.conversationId ?? 0n;
    const interestsOfAnn = async () => {
      const { interests } = await world.conversations.listInterests({ userId: ann.userId });
      return interests.map((interest) => [interest.conversationId, interest.rosterSeq]);
    };
    assert.deepEqual(await interestsOfAnn(), [], "five members are delivered by user");

    await using gateway = await gatewayFor(world, "anns", [ann.userId]);
    const [sixth, seventh] = await world.createUsers(2);
    await ann.groups.addMembers({ conversationId, userIds: [sixth ?? 0n] });
    assert.deepEqual(await interestsOfAnn(), [[conversationId, 2n]]);
    const [grown] = await gateway.take();
    assert.deepEqual(grown?.userIds, [], "by conversation");
    const members = [ann.userId, bob.userId, ...others, sixth ?? 0n];
    assert.deepEqual(sorted(grown.joinedUserIds), sorted(members), "the gateways of all have to begin to want it");

    await world.fabric.routes.want("anns", conversationId, ttlMs);
    await ann.groups.addMembers({ conversationId, userIds: [seventh ?? 0n] });
    assert.deepEqual((await gateway.take())[0]?.joinedUserIds, [seventh]);

    const leave = async (userId: bigint) => {
      const { token } = await world.accessTokens.issue(userId);
      await world.groupsAs(token).leaveGroup({ conversationId });
    };
    for (const userId of [...others, sixth ?? 0n].slice(0, 3)) await leave(userId);
    assert.equal((await interestsOfAnn()).length, 1, "four of five members are not below 80 %");
    await gateway.take();
    await leave(sixth ?? 0n);
    assert.deepEqual(await interestsOfAnn(), []);
    assert.deepEqual((await gateway.take())[0]?.userIds, [ann.userId], "by user again");
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
