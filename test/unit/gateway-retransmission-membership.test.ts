import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { byUser, createDownlinkWorld, type Entry, entry } from "../support/downlink-world.js";

/** An entry by conversation that changes no members, and the latest change below it. */
const said = (seq: number, rosterSeq: bigint): Entry => entry(seq, { rosterSeq });

describe("what is sent again to a member by user", () => {
  it("ends before the first entry that does not name it", async () => {
    const { clock, entries, user } = createDownlinkWorld();
    const [ann, bob] = [await user(7n), await user(8n)];
    entries(byUser(1, 7n, 8n), byUser(2, 7n, 8n), byUser(3, 7n), byUser(4, 7n));
    clock.advance(1_000);
    assert.deepEqual(ann.resent, [[1, 2, 3, 4]]);
    assert.deepEqual(bob.resent, [[1, 2]]);
  });

  it("begins with the first entry that names it", async () => {
    const { clock, entries, user } = createDownlinkWorld();
    const [ann, bob] = [await user(7n), await user(8n)];
    entries(byUser(1, 7n), byUser(2, 7n), byUser(3, 7n, 8n));
    clock.advance(1_000);
    assert.deepEqual(ann.resent, [[1, 2, 3]]);
    assert.deepEqual(bob.resent, [[3]]);
  });

  it("leaves out what lay between leaving and coming back", async () => {
    const { clock, entries, user } = createDownlinkWorld();
    const [, bob] = [await user(7n), await user(8n)];
    entries(byUser(1, 7n, 8n), byUser(2, 7n), byUser(3, 7n, 8n), byUser(4, 7n, 8n));
    clock.advance(1_000);
    assert.deepEqual(bob.resent, [[3, 4]]);
  });

  it("is nothing once it has acknowledged up to its end, and it is not given up", async () => {
    const { ack, clock, entries, timers, user } = createDownlinkWorld();
    const [ann, bob] = [await user(7n), await user(8n)];
    entries(byUser(1, 7n, 8n), byUser(2, 7n));
    ack(ann, 2);
    ack(bob, 1);
    clock.advance(100_000);
    assert.deepEqual(bob.resent, []);
    assert.deepEqual(bob.events, []);
    assert.equal(bob.pushed?.size ?? 0, 0);
    assert.equal(timers.size, 0);
  });

  it("begins for a session that logs in later with what is pushed to it first", async () => {
    const { clock, entries, user } = createDownlinkWorld();
    await user(8n);
    entries(byUser(1, 7n, 8n), byUser(2, 7n, 8n));
    const ann = await user(7n);
    entries(byUser(3, 7n, 8n));
    clock.advance(1_000);
    assert.deepEqual(ann.resent, [[3]]);
  });

  it("is not what was overtaken before the log was started", async () => {
    const { ack, clock, entries, user } = createDownlinkWorld();
    const ann = await user(7n);
    entries(byUser(5, 7n));
    entries(byUser(3, 7n));
    assert.deepEqual(ann.heard, [5, 3]);
    ack(ann, 5);
    clock.advance(10_000);
    assert.deepEqual(ann.resent, []);
    assert.deepEqual(ann.events, []);
  });
});

describe("what is sent again to a member by conversation", () => {
  it("ends with the entry by which it leaves", async () => {
    const { clock, entries, listener } = createDownlinkWorld();
    const [ann, bob] = [await listener(7n, 0n), await listener(8n, 0n)];
    entries(entry(1), entry(2, { leftUserIds: [8n] }), said(3, 2n), said(4, 2n));
    clock.advance(1_000);
    assert.deepEqual(ann.resent, [[1, 2, 3, 4]]);
    assert.deepEqual(bob.resent, [[1, 2]]);
  });

  it("begins with the entry by which it joins", async () => {
    const { clock, entries, listener, user } = createDownlinkWorld();
    const ann = await listener(7n, 0n);
    const bob = await user(8n);
    entries(entry(1), entry(2, { joinedUserIds: [8n] }), said(3, 2n));
    clock.advance(1_000);
    assert.deepEqual(ann.resent, [[1, 2, 3]]);
    assert.deepEqual(bob.resent, [[2, 3]]);
  });

  it("ends there too if what came before has reached it by user", async () => {
    const { clock, entries, user } = createDownlinkWorld();
    const [, bob] = [await user(7n), await user(8n)];
    entries(byUser(1, 7n, 8n));
    entries(entry(2, { leftUserIds: [8n] }), said(3, 2n));
    clock.advance(1_000);
    assert.deepEqual(bob.resent, [[1, 2]]);
  });

  it("leaves out what lay between leaving and coming back", async () => {
    const { clock, entries, listener } = createDownlinkWorld();
    const [, bob] = [await listener(7n, 0n), await listener(8n, 0n)];
    entries(entry(1), entry(2, { leftUserIds: [8n] }), said(3, 2n), entry(4, { joinedUserIds: [8n] }), said(5, 4n));
    clock.advance(1_000);
    assert.deepEqual(bob.heard, [1, 2, 4, 5]);
    assert.deepEqual(bob.resent, [[4, 5]]);
  });

  it("is nothing once it has left and acknowledged that", async () => {
    const { ack, clock, entries, listener, timers } = createDownlinkWorld();
    const [ann, bob] = [await listener(7n, 0n), await listener(8n, 0n)];
    entries(entry(1), entry(2, { leftUserIds: [8n] }), said(3, 2n));
    ack(ann, 3);
    ack(bob, 2);
    clock.advance(100_000);
    assert.deepEqual([bob.resent, bob.events], [[], []]);
    assert.equal(bob.pushed?.size ?? 0, 0);
    assert.equal(timers.size, 0);
  });

  it("begins for a session that listens later with what goes out next", async () => {
    const { clock, entries, listener } = createDownlinkWorld();
    await listener(8n, 0n);
    entries(entry(1), entry(2));
    const ann = await listener(7n, 0n);
    entries(entry(3));
    clock.advance(1_000);
    assert.deepEqual(ann.resent, [[3]]);
  });

  it("is nothing from before its membership, though its log here began earlier", async () => {
    const { clock, entries, listener } = createDownlinkWorld();
    const bob = await listener(8n, 10n); // joined by entry 10, which has not come here
    entries(said(8, 5n), said(9, 5n));
    assert.deepEqual(bob.heard, []);
    await clock.settle(5_000);
    assert.deepEqual(bob.resent, []);
    entries(entry(10, { joinedUserIds: [8n] }), said(11, 10n));
    assert.deepEqual(bob.heard, [10, 11]);
    clock.advance(3_000);
    assert.deepEqual(bob.resent[0], [10, 11]);
  });

  it("is nothing from before its membership, though others have left their log behind here", async () => {
    const { clock, entries, gone, listener, stored } = createDownlinkWorld();
    const ann = await listener(7n, 1n);
    entries(said(6, 1n));
    await gone(ann); // nobody listens, so 7 to 9 do not come here
    const bob = await listener(8n, 9n);
    stored.push(said(7, 1n), said(8, 1n), entry(9, { joinedUserIds: [8n] }));
    entries(said(10, 9n));
    await clock.settle(50);
    assert.deepEqual(bob.heard, [9, 10]);
    await clock.settle(1_000);
    assert.deepEqual(bob.resent, [[9, 10]]);
    assert.deepEqual(bob.events, []);
  });
});

describe("a session that goes", () => {
  const announced = entry(5, { userIds: [7n, 8n], rosterSeq: 5n, announcesConversation: true });
  const joined = entry(1, { joinedUserIds: [7n, 8n] });
  /** The group has become small. */
  const shrunk = (seq: number, ...userIds: bigint[]) => entry(seq, { userIds, rosterSeq: BigInt(seq) });

  for (const [how, given] of [
    ["by user", [byUser(1, 7n, 8n)]],
    ["by conversation", [joined, said(2, 1n)]],
    ["by user, and then by conversation", [announced, said(6, 5n)]],
    ["by user, by conversation, and by user again", [announced, said(6, 5n), shrunk(7, 7n, 8n)]],
    ["by conversation, and then by user", [joined, said(2, 1n), shrunk(3, 7n, 8n)]],
    ["by conversation, and then by user without it", [joined, said(2, 1n), shrunk(3, 8n)]],
    ["by user, until it left", [byUser(1, 7n, 8n), byUser(2, 8n)]],
    ["by conversation, until it left", [joined, entry(2, { leftUserIds: [7n] })]],
  ] as const) {
    it(`is forgotten if it was reached ${how}`, async () => {
      const { ack, clock, downlink, entries, gone, timers, user } = createDownlinkWorld();
      const [ann, bob] = [await user(7n), await user(8n)];
      entries(...given);
      await gone(ann);
      ack(bob, 100);
      await clock.settle(70_000);
      assert.deepEqual(ann.resent, []);
      assert.deepEqual(ann.events, []);
      assert.equal(ann.pushed?.size ?? 0, 0);
      assert.equal(timers.size, 0);
      downlink.forgetIdle();
      assert.equal(downlink.activeConversations, 0);
    });
  }
});
