import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { byUser, createDownlinkWorld, type Entry, entry, type Listener } from "../support/downlink-world.js";

/** An entry by conversation that changes no members, and the latest change below it. */
const said = (seq: number, rosterSeq: bigint): Entry => entry(seq, { rosterSeq });

const looks = ({ events }: Listener) => events.filter(({ kind }) => kind === "entries-lost").length;

describe("a membership by conversation", () => {
  it("begins with the entry that says so, and with nothing before", async () => {
    const { entries, hub, user } = createDownlinkWorld();
    const [ann, bob] = [await user(7n), await user(8n)];
    hub.joined(7n, 9n, 0n);
    entries(entry(1), entry(2, { joinedUserIds: [8n] }), said(3, 2n));
    assert.deepEqual(ann.heard, [1, 2, 3]);
    assert.deepEqual(bob.heard, [2, 3]);
  });

  it("ends with the entry that says so, and hears nothing after", async () => {
    const { entries, hub, user } = createDownlinkWorld();
    const [ann, bob] = [await user(7n), await user(8n)];
    for (const userId of [7n, 8n]) hub.joined(userId, 9n, 0n);
    entries(entry(1), entry(2, { leftUserIds: [8n] }), said(3, 2n));
    assert.deepEqual(ann.heard, [1, 2, 3]);
    assert.deepEqual(bob.heard, [1, 2]);
  });

  it("is exact when some join as others leave, within one delivery", async () => {
    const { entries, hub, user } = createDownlinkWorld();
    const [ann, bob] = [await user(7n), await user(8n)];
    hub.joined(7n, 9n, 0n);
    entries(
      entry(1),
      entry(2, { joinedUserIds: [8n], leftUserIds: [7n] }),
      said(3, 2n),
      entry(4, { joinedUserIds: [7n] }),
      entry(5, { leftUserIds: [8n] }),
      said(6, 5n),
    );
    assert.deepEqual(ann.heard, [1, 2, 4, 5, 6]);
    assert.deepEqual(bob.heard, [2, 3, 4, 5]);
  });

  it("begins in the order of the log, even if entries come out of order", async () => {
    const { entries, hub, user } = createDownlinkWorld();
    const [ann, bob] = [await user(7n), await user(8n)];
    hub.joined(7n, 9n, 0n);
    entries(entry(1));
    entries(said(3, 2n));
    entries(entry(2, { joinedUserIds: [8n] }));
    assert.deepEqual(ann.heard, [1, 2, 3]);
    assert.deepEqual(bob.heard, [2, 3]);
  });

  it("is that of all devices of a user", async () => {
    const { entries, user } = createDownlinkWorld();
    const devices = [await user(8n), await user(8n, { device: 2 })];
    entries(entry(2, { joinedUserIds: [8n] }), said(3, 2n), entry(4, { leftUserIds: [8n] }), said(5, 4n));
    for (const { heard } of devices) assert.deepEqual(heard, [2, 3, 4]);
  });
});

describe("a change of members that has not come here", () => {
  it("is waited for before anything goes out that came after it", async () => {
    const { entries, listener } = createDownlinkWorld();
    const [ann, bob] = [await listener(7n, 4n), await listener(8n, 4n)];
    entries(said(6, 5n));
    assert.deepEqual(ann.heard, []);
    entries(entry(5, { leftUserIds: [8n] }));
    assert.deepEqual(ann.heard, [5, 6]);
    assert.deepEqual(bob.heard, [5]);
  });

  it("is fetched, and takes effect", async () => {
    const { clock, entries, fetched, listener, stored } = createDownlinkWorld();
    const [ann, bob] = [await listener(7n, 4n), await listener(8n, 4n)];
    stored.push(entry(5, { leftUserIds: [8n] }));
    entries(said(6, 5n));
    await clock.settle(50);
    assert.deepEqual(fetched, [[5, 5]]);
    assert.deepEqual(ann.heard, [5, 6]);
    assert.deepEqual(bob.heard, [5]);
  });

  it("is not waited for if it is in effect", async () => {
    const { entries, listener } = createDownlinkWorld();
    const ann = await listener(7n, 5n);
    entries(said(6, 5n));
    assert.deepEqual(ann.heard, [6]);
  });

  it("is not waited for by the entry that is that change", async () => {
    const { entries, listener } = createDownlinkWorld();
    const [ann, bob] = [await listener(7n, 4n), await listener(8n, 4n)];
    entries(entry(5, { leftUserIds: [8n] }));
    assert.deepEqual([ann.heard, bob.heard], [[5], [5]]);
  });

  it("is waited for by a later change as well, which does not name it", async () => {
    const { entries, listener } = createDownlinkWorld();
    const [ann, bob] = [await listener(7n, 1n), await listener(8n, 3n)];
    entries(entry(5, { joinedUserIds: [99n] }));
    entries(entry(4, { leftUserIds: [8n] }));
    assert.deepEqual([ann.heard, bob.heard], [[], []], "nor does it name the one before it");
    entries(said(3, 1n));
    assert.deepEqual(ann.heard, [3, 4, 5]);
    assert.deepEqual(bob.heard, []);
  });

  it("is looked for in the store, however many there are before it", async () => {
    const { clock, entries, fetched, listener, stored } = createDownlinkWorld();
    const [ann, bob] = [await listener(7n, 1n), await listener(8n, 1n)];
    stored.push(said(2, 1n), entry(3, { leftUserIds: [8n] }), said(4, 3n), entry(5, { joinedUserIds: [99n] }));
    entries(said(6, 5n));
    await clock.settle(1_000);
    assert.deepEqual(fetched, [
      [5, 5],
      [4, 4],
      [3, 3],
      [2, 2],
    ]);
    assert.deepEqual(ann.heard, [2, 3, 4, 5, 6]);
    assert.deepEqual(bob.heard, [2, 3]);
  });

  it("keeps what came after it back if the store does not know it", async () => {
    const { clock, entries, listener } = createDownlinkWorld();
    const [ann, bob] = [await listener(7n, 1n), await listener(8n, 1n)];
    entries(entry(5, { joinedUserIds: [99n] }), said(6, 5n));
    await clock.settle(10_000);
    assert.deepEqual([ann.heard, bob.heard], [[], []]);
  });

  it("keeps those from listening whose interests were read before it, though its place was passed while nobody listened", async () => {
    const { entries, listener } = createDownlinkWorld();
    entries(said(4, 2n));
    const bob = await listener(8n, 1n); // left by entry 2, which has not come here
    const ann = await listener(7n, 2n);
    entries(said(5, 2n), entry(6, { joinedUserIds: [99n] }));
    assert.deepEqual([ann.heard, bob.heard], [[5, 6], []]);
  });

  it("still ends a membership when it comes after its hole was given up", async () => {
    const { clock, entries, hub, user } = createDownlinkWorld();
    const ann = await user(7n);
    entries(entry(1, { joinedUserIds: [7n] }));
    entries(said(3, 1n));
    await clock.settle(60);
    entries(entry(2, { leftUserIds: [7n] }));
    assert.equal(hub.rosterSeqOf(9n), undefined, "nobody listens any more");
    entries(said(4, 2n));
    assert.deepEqual(ann.heard, [1, 3]);
  });

  it("still begins a membership when it comes after its hole was given up, from what comes next", async () => {
    const { clock, entries, listener, user } = createDownlinkWorld();
    const ann = await listener(7n, 0n);
    const bob = await user(8n);
    entries(entry(1), entry(3));
    await clock.settle(60);
    entries(entry(2, { joinedUserIds: [8n] }));
    entries(said(4, 2n));
    assert.deepEqual(ann.heard, [1, 3, 4]);
    assert.deepEqual(bob.heard, [4]);
  });

  it("does not undo a newer one when it comes late", async () => {
    const { entries, user } = createDownlinkWorld();
    const [ann, bob] = [await user(7n), await user(8n)];
    entries(entry(5, { joinedUserIds: [7n, 8n] }));
    entries(entry(3, { leftUserIds: [7n] })); // published before this log was started, and overtaken
    entries(said(6, 5n));
    for (const { heard } of [ann, bob]) assert.deepEqual(heard, [5, 6]);
  });

  it("makes those look again whose membership it began, if a session that came later has read of a newer one", async () => {
    const { entries, listener, user } = createDownlinkWorld();
    const ann = await user(7n);
    const bob = await listener(8n, 12n);
    entries(entry(10, { joinedUserIds: [7n, 8n] }), entry(11, { leftUserIds: [99n] }));
    assert.deepEqual([ann.heard, bob.heard], [[], []]);
    assert.deepEqual([ann, bob].map(looks), [1, 0], "the one that listens has missed nothing");
  });

  it("makes them look again also if it comes after its hole was given up, or says that they listen from there", async () => {
    const { clock, entries, listener, user } = createDownlinkWorld();
    const [ann, cid] = [await user(7n), await user(9n)];
    await listener(8n, 12n);
    entries(said(13, 12n), said(15, 12n));
    await clock.settle(2_100);
    entries(entry(12, { joinedUserIds: [8n] }), entry(10, { joinedUserIds: [7n] }));
    assert.deepEqual([ann, cid].map(looks), [1, 0]);
    entries(entry(9, { userIds: [8n, 9n], announcesConversation: true, rosterSeq: 9n }));
    assert.deepEqual([ann, cid].map(looks), [1, 1]);
  });

  it("makes nobody look who waits for another change to come", async () => {
    const { entries, listener } = createDownlinkWorld();
    const ann = await listener(7n, 5n);
    const bob = await listener(8n, 9n);
    entries(entry(3, { joinedUserIds: [8n] }));
    assert.deepEqual([ann, bob].map(looks), [0, 0]);
  });

  it("does no harm when it comes twice", async () => {
    const { entries, user } = createDownlinkWorld();
    const [ann, bob] = [await user(7n), await user(8n)];
    const change = entry(2, { joinedUserIds: [7n], leftUserIds: [8n] });
    entries(entry(1, { joinedUserIds: [8n] }), change, said(3, 2n));
    entries(change, said(4, 2n), change);
    assert.deepEqual(ann.heard, [2, 3, 4]);
    assert.deepEqual(bob.heard, [1, 2]);
  });
});

describe("entries from before the latest change of members", () => {
  it("are not published: they would reach whoever has joined since", async () => {
    const { entries, listener, messages } = createDownlinkWorld();
    await listener(7n, 10n);
    entries(said(8, 5n));
    entries(said(9, 5n));
    assert.deepEqual(messages, []);
    entries(said(11, 10n));
    assert.deepEqual(messages, []);
    entries(entry(10, { joinedUserIds: [7n] }));
    assert.deepEqual(messages, [
      { topic: "c9", frames: [10] },
      { topic: "c9", frames: [11] },
    ]);
  });

  it("are not published even if they came before this log was started", async () => {
    const { entries, listener, user } = createDownlinkWorld();
    const ann = await listener(7n, 5n);
    const bob = await user(8n);
    entries(entry(6, { joinedUserIds: [8n] }));
    entries(said(4, 1n), said(5, 1n));
    assert.deepEqual([ann.heard, bob.heard], [[6], [6]]);
  });

  it("never reach a session that has joined since, though it logged in before they came", async () => {
    const { entries, listener } = createDownlinkWorld();
    const ann = await listener(7n, 1n);
    entries(said(6, 1n));
    const bob = await listener(8n, 9n); // joined by entry 9, which has not come here
    entries(said(7, 1n), said(8, 1n));
    assert.deepEqual([ann.heard, bob.heard], [[6, 7, 8], []]);
    entries(entry(9, { joinedUserIds: [8n] }), said(10, 9n));
    assert.deepEqual(
      [ann.heard, bob.heard],
      [
        [6, 7, 8, 9, 10],
        [9, 10],
      ],
    );
  });

  it("never reach it either if a later change comes first", async () => {
    const { clock, entries, listener, stored } = createDownlinkWorld();
    const ann = await listener(7n, 1n);
    entries(said(6, 1n));
    const bob = await listener(8n, 8n);
    stored.push(said(7, 1n), entry(8, { joinedUserIds: [8n] }));
    entries(entry(9, { leftUserIds: [99n] }));
    await clock.settle(60);
    assert.deepEqual(
      [ann.heard, bob.heard],
      [
        [6, 7, 8, 9],
        [8, 9],
      ],
    );
  });
});

describe("a conversation that passes from delivery by user to delivery by conversation", () => {
  const announced = (seq: number, rosterSeq: bigint, ...userIds: bigint[]) =>
    entry(seq, { userIds, rosterSeq, announcesConversation: true });

  it("goes by user while it says so, and makes the sessions listen", async () => {
    const { entries, hub, messages, user } = createDownlinkWorld();
    const ann = await user(7n);
    entries(byUser(4, 7n), announced(5, 5n, 7n));
    assert.deepEqual(messages, [{ topic: "u7", frames: [4, 5] }]);
    assert.ok(ann.topics.has("c9"));
    assert.equal(hub.rosterSeqOf(9n), 5n);
  });

  it("is heard once all the way", async () => {
    const { entries, user } = createDownlinkWorld();
    const [ann, bob] = [await user(7n), await user(8n)];
    entries(byUser(4, 7n), announced(5, 5n, 7n, 8n), announced(6, 5n, 7n, 8n));
    entries(said(7, 5n));
    entries(announced(6, 5n, 7n, 8n), said(7, 5n), said(8, 5n));
    assert.deepEqual(ann.heard, [4, 5, 6, 7, 8]);
    assert.deepEqual(bob.heard, [5, 6, 7, 8]);
  });

  it("makes those listen who come while it passes, and those stop who leave", async () => {
    const { entries, user } = createDownlinkWorld();
    const [ann, bob] = [await user(7n), await user(8n)];
    entries(announced(5, 5n, 7n));
    entries(entry(6, { userIds: [7n, 8n], joinedUserIds: [8n], rosterSeq: 6n, announcesConversation: true }));
    entries(said(7, 6n));
    entries(entry(8, { userIds: [7n, 8n], leftUserIds: [7n], rosterSeq: 8n, announcesConversation: true }));
    entries(said(9, 8n));
    assert.deepEqual(ann.heard, [5, 6, 7, 8]);
    assert.deepEqual(bob.heard, [6, 7, 8, 9]);
  });

  it("does not let an older announcement bring back who has left", async () => {
    const { entries, user } = createDownlinkWorld();
    const [ann, bob] = [await user(7n), await user(8n)];
    entries(announced(5, 5n, 7n, 8n));
    entries(entry(6, { userIds: [7n, 8n], leftUserIds: [8n], rosterSeq: 6n, announcesConversation: true }));
    entries(announced(4, 4n, 7n, 8n), announced(5, 5n, 7n, 8n));
    entries(said(7, 6n));
    assert.ok(!bob.topics.has("c9"));
    assert.deepEqual(ann.heard.at(-1), 7);
    assert.ok(!bob.heard.includes(7));
  });

  it("goes back to delivery by user: nobody listens any more, and it is heard once all the way", async () => {
    const { entries, hub, routes, user } = createDownlinkWorld();
    const ann = await user(7n);
    entries(announced(5, 5n, 7n), said(6, 5n));
    entries(entry(7, { userIds: [7n], leftUserIds: [99n], rosterSeq: 7n }));
    entries(entry(8, { userIds: [7n], rosterSeq: 7n }));
    assert.equal(hub.rosterSeqOf(9n), undefined);
    assert.deepEqual([...ann.topics], ["u7"]);
    assert.deepEqual(ann.heard, [5, 6, 7, 8]);
    assert.deepEqual(await routes.gatewaysWanting(9n), []);
  });

  it("loses nothing on its way back, even within one delivery", async () => {
    const { entries, user } = createDownlinkWorld();
    const ann = await user(7n);
    entries(announced(5, 5n, 7n));
    entries(said(6, 5n), entry(7, { userIds: [7n], leftUserIds: [99n], rosterSeq: 7n }));
    assert.deepEqual(ann.heard, [5, 6, 7]);
  });

  it("does not let whoever joins while it passes hear what the listeners get before, within one delivery", async () => {
    const { entries, listener, user } = createDownlinkWorld();
    const ann = await listener(7n, 1n);
    const bob = await user(8n);
    const change = { userIds: [7n, 8n], joinedUserIds: [8n], rosterSeq: 3n, announcesConversation: true };
    entries(said(2, 1n), entry(3, change), said(4, 3n));
    assert.deepEqual(ann.heard, [2, 3, 4]);
    assert.deepEqual(bob.heard, [3, 4]);
  });

  it("is not taken back by an entry from before it passed that comes late", async () => {
    const { entries, user } = createDownlinkWorld();
    const ann = await user(7n);
    entries(announced(5, 5n, 7n));
    entries(entry(4, { userIds: [7n], rosterSeq: 2n }));
    assert.ok(ann.topics.has("c9"));
    entries(said(6, 5n));
    assert.deepEqual(ann.heard, [5, 4, 6]);
  });
});

describe("a membership by user", () => {
  it("hears what names it, and nothing else", async () => {
    const { entries, user } = createDownlinkWorld();
    const [ann, bob] = [await user(7n), await user(8n)];
    entries(byUser(1, 7n), byUser(2, 7n, 8n), byUser(3, 8n));
    assert.deepEqual(ann.heard, [1, 2]);
    assert.deepEqual(bob.heard, [2, 3]);
  });
});
