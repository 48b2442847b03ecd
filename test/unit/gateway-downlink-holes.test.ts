import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { byUser, createDownlinkWorld, type Entry, entry } from "../support/downlink-world.js";

/** An entry by conversation that changes no members, and the latest change below it. */
const said = (seq: number, rosterSeq: bigint): Entry => entry(seq, { rosterSeq });

describe("a hole in what is delivered", () => {
  it("is waited for 50 ms, and mended by the entry that was overtaken", async () => {
    const { clock, counted, entries, fetched, user } = createDownlinkWorld();
    const ann = await user(7n);
    entries(byUser(1, 7n), byUser(3, 7n));
    await clock.settle(49);
    assert.deepEqual(ann.heard, [1]);
    entries(byUser(2, 7n));
    assert.deepEqual(ann.heard, [1, 2, 3]);
    await clock.settle(1_000);
    assert.deepEqual(fetched, []);
    assert.deepEqual(await counted("holes"), {}, "nothing to count");
  });

  it("is fetched once, and what comes goes out in its place", async () => {
    const { clock, counted, entries, fetched, messages, stored, user } = createDownlinkWorld();
    const ann = await user(7n);
    stored.push(byUser(2, 7n), byUser(3, 7n));
    entries(byUser(1, 7n), byUser(4, 7n));
    messages.length = 0;
    await clock.settle(50);
    assert.deepEqual(fetched, [[2, 3]]);
    assert.deepEqual(ann.heard, [1, 2, 3, 4]);
    assert.equal(messages.length, 1, "in one message");
    await clock.settle(5_000);
    assert.equal(fetched.length, 1);
    assert.deepEqual(await counted("holes"), { fetched: 1 });
  });

  it("is given up if the store has nothing, and what was held goes out: devices mend it by sync", async () => {
    const { clock, counted, entries, fetched, user } = createDownlinkWorld();
    const ann = await user(7n);
    entries(byUser(1, 7n), byUser(3, 7n), byUser(4, 7n));
    await clock.settle(50);
    assert.deepEqual(fetched, [[2, 2]]);
    assert.deepEqual(ann.heard, [1, 3, 4]);
    entries(byUser(5, 7n));
    assert.deepEqual(ann.heard, [1, 3, 4, 5]);
    assert.deepEqual(await counted("holes"), { "given-up": 1 });
  });

  it("is given up if the store does not answer within two seconds", async () => {
    const { clock, entries, user } = createDownlinkWorld();
    const ann = await user(7n);
    entries(byUser(1, 7n), byUser(3, 7n));
    clock.advance(50); // no promise settles: the question is on its way
    clock.advance(1_990);
    assert.deepEqual(ann.heard, [1]);
    clock.advance(20);
    assert.deepEqual(ann.heard, [1, 3]);
  });

  it("takes an answer that comes too late for nothing", async () => {
    const { clock, entries, stored, user } = createDownlinkWorld();
    const ann = await user(7n);
    stored.push(byUser(2, 7n));
    entries(byUser(1, 7n), byUser(3, 7n));
    clock.advance(3_000);
    assert.deepEqual(ann.heard, [1, 3]);
    await clock.settle();
    assert.deepEqual(ann.heard, [1, 3]);
  });

  it("takes an answer for nothing if the conversation was forgotten meanwhile", async () => {
    const { clock, downlink, entries, stored, user } = createDownlinkWorld();
    const ann = await user(7n);
    stored.push(byUser(2, 7n));
    entries(byUser(1, 7n), byUser(3, 7n));
    clock.advance(50);
    downlink[Symbol.dispose]();
    await clock.settle();
    assert.deepEqual(ann.heard, [1]);
    assert.equal(downlink.activeConversations, 0);
  });

  it("is its conversation's own", async () => {
    const { clock, entries, user } = createDownlinkWorld();
    const ann = await user(7n);
    const other = (seq: number) => entry(seq, { conversationId: 10n, userIds: [7n] });
    entries(byUser(1, 7n), other(11));
    entries(byUser(3, 7n));
    await clock.settle(30);
    entries(other(13));
    await clock.settle(20);
    assert.deepEqual(ann.heard, [1, 11, 3]);
    await clock.settle(50);
    assert.deepEqual(ann.heard, [1, 11, 3, 13]);
  });

  it("needs a timer only while it is there", async () => {
    const { ack, clock, entries, timers, user } = createDownlinkWorld();
    const ann = await user(7n);
    entries(byUser(1, 7n));
    const before = timers.size;
    entries(byUser(3, 7n));
    assert.equal(timers.size, before + 1);
    entries(byUser(2, 7n));
    ack(ann, 3);
    await clock.settle(5_000);
    assert.deepEqual(ann.heard, [1, 2, 3]);
    assert.equal(timers.size, 0);
  });

  it("asks for the rest if the store gives a part", async () => {
    const { clock, entries, fetched, stored, user } = createDownlinkWorld();
    const ann = await user(7n);
    stored.push(byUser(2, 7n));
    entries(byUser(1, 7n), byUser(4, 7n));
    await clock.settle(50);
    assert.deepEqual(ann.heard, [1, 2]);
    stored.push(byUser(3, 7n));
    await clock.settle(60);
    assert.deepEqual(fetched, [
      [2, 3],
      [3, 3],
    ]);
    assert.deepEqual(ann.heard, [1, 2, 3, 4]);
  });
});

describe("a hole in what is delivered, one after another", () => {
  it("has its own 50 ms, though the one before it was fetched a moment ago", async () => {
    const { clock, entries, fetched, stored, user } = createDownlinkWorld();
    const ann = await user(7n);
    stored.push(byUser(2, 7n), byUser(4, 7n));
    entries(byUser(1, 7n), byUser(3, 7n));
    await clock.settle(50);
    entries(byUser(5, 7n));
    await clock.settle(49);
    assert.equal(fetched.length, 1);
    await clock.settle(11);
    assert.deepEqual(ann.heard, [1, 2, 3, 4, 5]);
  });

  it("has its own 50 ms, though the one before it was overtaken only", async () => {
    const { clock, entries, fetched, user } = createDownlinkWorld();
    await user(7n);
    entries(byUser(1, 7n), byUser(3, 7n));
    clock.advance(40);
    entries(byUser(2, 7n), byUser(5, 7n));
    await clock.settle(49);
    assert.deepEqual(fetched, []);
    await clock.settle(1);
    assert.deepEqual(fetched, [[4, 4]]);
  });
});

describe("a hole in which a change of members may hide", () => {
  /** Ann and Bob listen; Bob leaves with entry 3, which does not come here. */
  async function world() {
    const base = createDownlinkWorld();
    const [ann, bob] = [await base.listener(7n, 1n), await base.listener(8n, 1n)];
    base.entries(said(2, 1n));
    return { ...base, ann, bob };
  }
  const bobLeaves = entry(3, { leftUserIds: [8n] });

  it("is mended by the store before anything that was said after it goes out", async () => {
    const { ann, bob, clock, entries, stored } = await world();
    stored.push(bobLeaves);
    entries(said(4, 3n));
    await clock.settle(50);
    assert.deepEqual(ann.heard, [2, 3, 4]);
    assert.deepEqual(bob.heard, [2, 3]);
  });

  it("keeps back what was said after it, as long as nobody can say who may hear that", async () => {
    const { ann, bob, clock, counted, entries } = await world();
    entries(said(4, 3n));
    await clock.settle(10_000);
    assert.deepEqual([ann.heard, bob.heard], [[2], [2]]);
    assert.deepEqual(await counted("holes"), { withheld: 1 });
  });

  it("keeps it back too if the store does not answer", async () => {
    const { ann, bob, clock, entries } = await world();
    entries(said(4, 3n));
    clock.advance(10_000);
    assert.deepEqual([ann.heard, bob.heard], [[2], [2]]);
  });

  it("is asked for again with the next entry, whichever that is, and then all goes out", async () => {
    for (const next of [said(4, 3n), said(5, 3n)]) {
      const { ann, bob, clock, entries, stored } = await world();
      entries(said(4, 3n));
      await clock.settle(10_000);
      stored.push(bobLeaves, said(4, 3n));
      entries(next);
      await clock.settle(50);
      assert.deepEqual(ann.heard.slice(0, 3), [2, 3, 4]);
      assert.deepEqual(bob.heard, [2, 3]);
    }
  });

  it("is given up like any other where the entries above it name their readers", async () => {
    const { clock, entries, user } = createDownlinkWorld();
    const [ann, bob] = [await user(7n), await user(8n)];
    entries(byUser(2, 7n, 8n));
    entries(entry(4, { rosterSeq: 3n, userIds: [7n] }));
    await clock.settle(50);
    assert.deepEqual(ann.heard, [2, 4]);
    assert.deepEqual(bob.heard, [2]);
  });

  it("is given up where all changes of members are known", async () => {
    const { ann, bob, clock, entries } = await world();
    entries(said(4, 1n));
    await clock.settle(50);
    assert.deepEqual(
      [ann.heard, bob.heard],
      [
        [2, 4],
        [2, 4],
      ],
    );
  });

  it("leaves no timer behind when it is kept back", async () => {
    const { ack, ann, bob, clock, downlink, entries, timers } = await world();
    entries(said(4, 3n));
    for (const session of [ann, bob]) ack(session, 2);
    await clock.settle(70_000);
    assert.equal(timers.size, 0);
    downlink.forgetIdle();
    assert.equal(downlink.activeConversations, 0);
  });
});
