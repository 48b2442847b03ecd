import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { byUser, createDownlinkWorld, type DownlinkWorld, type Listener } from "../support/downlink-world.js";

type World = DownlinkWorld & { readonly ann: Listener };

/** Ann is here, and conversation 9 reaches her by user. */
async function world(...limits: Parameters<typeof createDownlinkWorld>): Promise<World> {
  const base = createDownlinkWorld(...limits);
  return { ...base, ann: await base.user(7n) };
}

/** When a session is sent something again, from now on and for so long. */
async function resentAt({ clock }: DownlinkWorld, session: Listener, forMs: number): Promise<number[]> {
  const timesMs: number[] = [];
  for (let ms = 0; ms < forMs; ms += 10) {
    const before = session.resent.length;
    await clock.settle(10);
    if (session.resent.length > before) timesMs.push(clock.monotonicMs());
  }
  return timesMs;
}

const unresponsive = { kind: "unresponsive" } as const;
const behind = { kind: "behind", conversationIds: [9n] } as const;

describe("retransmission", () => {
  it("sends what a device has not acknowledged after the timeout, and not before, as it was", async () => {
    const { ann, clock, entries } = await world();
    entries(byUser(1, 7n));
    clock.advance(999);
    assert.deepEqual(ann.resent, []);
    clock.advance(1);
    assert.deepEqual(ann.resent, [[1]]);
    assert.deepEqual(ann.heard, [1], "to this socket alone");
  });

  it("sends all that is missing, in order, as one message, and nothing that was acknowledged", async () => {
    const { ack, ann, clock, entries } = await world();
    entries(byUser(1, 7n), byUser(2, 7n), byUser(3, 7n), byUser(4, 7n));
    ack(ann, 2);
    clock.advance(1_000);
    assert.deepEqual(ann.resent, [[3, 4]]);
  });

  it("doubles the timeout with each round, and gives up after four", async () => {
    const given = await world();
    given.entries(byUser(1, 7n));
    assert.deepEqual(await resentAt(given, given.ann, 30_990), [1_000, 3_000, 7_000, 15_000]);
    assert.deepEqual(given.ann.events, []);
    given.clock.advance(20);
    assert.deepEqual(given.ann.events, [unresponsive]);
    assert.equal(given.ann.resent.length, 4);
  });

  it("leaves a device alone that acknowledges in time", async () => {
    const { ack, ann, clock, entries } = await world();
    for (let seq = 1; seq <= 100; seq++) {
      entries(byUser(seq, 7n));
      clock.advance(200);
      ack(ann, seq);
    }
    clock.advance(100_000);
    assert.deepEqual(ann.resent, []);
    assert.deepEqual(ann.events, []);
  });

  it("keeps what somebody has still to acknowledge, and no more than that", async () => {
    const { ack, ann, clock, downlink, entries, user } = await world();
    const bob = await user(8n);
    entries(byUser(1, 7n, 8n), byUser(2, 7n, 8n));
    const bytes = downlink.ringBytes;
    assert.ok(bytes > 0);
    ack(ann, 2);
    ack(bob, 1);
    clock.advance(1_000);
    assert.equal(downlink.ringBytes, bytes / 2);
    assert.deepEqual(bob.resent, [[2]]);
    ack(bob, 2);
    clock.advance(10_000);
    assert.equal(downlink.ringBytes, 0);
    entries(byUser(3, 7n, 8n));
    clock.advance(1_000);
    assert.deepEqual(ann.resent, [[3]]);
  });

  it("has no look under way once everything is acknowledged, and begins one with the next entry", async () => {
    const { ack, ann, clock, entries, timers } = await world();
    entries(byUser(1, 7n));
    clock.advance(1_500);
    ack(ann, 1);
    clock.advance(5_000);
    assert.equal(timers.size, 0);
    entries(byUser(2, 7n));
    clock.advance(1_000);
    assert.deepEqual(ann.resent, [[1], [2]]);
  });

  it("looks after each session for itself", async () => {
    const { ack, ann, clock, entries, user } = await world();
    const [laptop, bob] = [await user(7n, { device: 2 }), await user(8n)];
    entries(byUser(1, 7n, 8n), byUser(2, 7n, 8n));
    ack(ann, 2);
    ack(bob, 1);
    clock.advance(1_000);
    assert.deepEqual([ann.resent, laptop.resent, bob.resent], [[], [[1, 2]], [[2]]]);
  });

  it("is not put off by a device that is left alone for long", async () => {
    const { ack, ann, clock, entries, user } = await world();
    const bob = await user(8n);
    entries(byUser(1, 7n, 8n));
    ack(ann, 1);
    clock.advance(16_000); // Bob is looked at next at 31,000
    entries(byUser(2, 7n, 8n));
    clock.advance(1_000);
    assert.deepEqual(ann.resent, [[2]]);
    assert.equal(bob.resent.length, 4);
  });

  it("sends nothing to a paused session, which cannot take it, but counts the rounds", async () => {
    const { ann, clock, entries, hub } = await world({ framesMax: 1 });
    entries(byUser(1, 7n));
    hub.pause(ann);
    clock.advance(4_000);
    entries(byUser(2, 7n));
    assert.deepEqual([ann.heard, ann.resent, ann.events], [[1], [], []]);
    hub.resume(ann);
    clock.advance(4_000);
    assert.deepEqual(ann.events, [behind], "the third round");
    hub.pause(ann);
    clock.advance(30_000);
    assert.deepEqual(ann.resent, []);
    assert.deepEqual(ann.events[1], unresponsive);
  });

  it("sends nothing to a session that has gone, and forgets it", async () => {
    const { ann, clock, downlink, entries, gone, timers } = await world();
    entries(byUser(1, 7n));
    await gone(ann);
    clock.advance(100_000);
    assert.deepEqual(ann.resent, []);
    assert.equal(timers.size, 0);
    downlink.forgetIdle();
    assert.equal(downlink.activeConversations, 0);
  });

  it("goes on with the others when one goes as it hears that it is given up", async () => {
    const { ann, clock, entries, gone, user } = await world();
    const others = [await user(8n), await user(9n)];
    const listen = ann.dispatch;
    ann.dispatch = (event) => {
      listen(event);
      void gone(ann);
    };
    entries(byUser(1, 7n, 8n, 9n));
    clock.advance(31_010);
    assert.deepEqual(ann.events, [unresponsive]);
    for (const { events, resent } of others) {
      assert.equal(resent.length, 4);
      assert.deepEqual(events, [unresponsive]);
    }
  });

  it("counts what it sends, by what it sends", async () => {
    const { clock, counted, entries } = await world({ framesMax: 1 });
    entries(byUser(1, 7n));
    clock.advance(1_000);
    entries(byUser(2, 7n));
    clock.advance(2_000);
    assert.deepEqual(await counted("retransmissions"), { frames: 1, heads: 1 });
  });
});

describe("a device that says something", () => {
  for (const [what, say] of [
    ["an ack that moves nothing", ({ ack, ann }: World) => ack(ann, 0)],
    ["an ack of a part", ({ ack, ann }: World) => ack(ann, 1)],
    ["an ack or sync of another conversation", ({ ack, ann }: World) => ack(ann, 5, 77n)],
    ["an empty ack", ({ ann, downlink }: World) => downlink.acknowledge(ann, [])],
  ] as const) {
    it(`has its four rounds anew after ${what}`, async () => {
      const given = await world();
      given.entries(byUser(1, 7n), byUser(2, 7n));
      given.clock.advance(20_000);
      assert.equal(given.ann.resent.length, 4);
      say(given);
      const [firstMs = 0, ...laterMs] = await resentAt(given, given.ann, 35_000);
      assert.deepEqual(
        laterMs.map((atMs) => atMs - firstMs),
        [2_000, 6_000, 14_000],
      );
      assert.deepEqual(given.ann.events, []);
    });
  }

  it("is not sent anything for a timeout after that", async () => {
    const given = await world();
    given.entries(byUser(1, 7n), byUser(2, 7n));
    given.clock.advance(900);
    given.ack(given.ann, 0);
    assert.deepEqual(await resentAt(given, given.ann, 2_000), [1_900]);
  });

  it("is given up all the same if it says nothing more", async () => {
    const { ack, ann, clock, entries } = await world();
    entries(byUser(1, 7n), byUser(2, 7n));
    clock.advance(20_000);
    ack(ann, 1);
    clock.advance(45_000);
    assert.deepEqual(ann.events[0], unresponsive);
  });

  it("does not save another one", async () => {
    const { ack, ann, clock, entries, user } = await world();
    const bob = await user(8n);
    entries(byUser(1, 7n, 8n));
    for (let ms = 0; ms < 31_020; ms += 990) {
      clock.advance(990);
      ack(ann, 0);
    }
    assert.deepEqual(ann.events, []);
    assert.deepEqual(bob.events, [unresponsive]);
  });
});

describe("the round-trip time of a connection", () => {
  it("is measured by acks, and makes the timeout longer for a slow device", async () => {
    const given = await world();
    const { ack, ann, clock, entries } = given;
    for (let seq = 1; seq <= 10; seq++) {
      entries(byUser(seq, 7n));
      clock.advance(900);
      ack(ann, seq);
    }
    assert.ok(ann.flow.rtt && ann.flow.rtt.srttMs === 900);
    clock.advance(10_000);
    entries(byUser(11, 7n));
    const sentMs = clock.monotonicMs();
    const [firstMs] = await resentAt(given, ann, 3_000);
    const timeoutMs = 900 + 4 * ann.flow.rtt.rttvarMs;
    assert.ok(firstMs !== undefined && firstMs >= sentMs + timeoutMs && firstMs <= sentMs + timeoutMs + 20);
  });

  it("is measured from the entry that an ack names, not from what came after", async () => {
    const { ack, ann, clock, entries } = await world();
    entries(byUser(1, 7n));
    clock.advance(300);
    entries(byUser(2, 7n));
    clock.advance(100);
    ack(ann, 1);
    assert.equal(ann.flow.rtt?.srttMs, 400);
  });

  it("is never measured by what was sent twice", async () => {
    const { ack, ann, clock, entries } = await world();
    entries(byUser(1, 7n), byUser(2, 7n));
    clock.advance(1_100);
    assert.equal(ann.resent.length, 1);
    ack(ann, 1);
    clock.advance(100);
    ack(ann, 2);
    assert.equal(ann.flow.rtt === undefined, true, "nor when it is acknowledged in parts");
    entries(byUser(3, 7n));
    clock.advance(50);
    ack(ann, 3);
    assert.equal(ann.flow.rtt?.srttMs, 50);
  });

  it("is not measured by an ack that is repeated, or of what was not delivered here", async () => {
    const { ack, ann, clock, entries } = await world();
    entries(byUser(5, 7n));
    clock.advance(100);
    ack(ann, 4);
    ack(ann, 5, 77n);
    assert.equal(ann.flow.rtt === undefined, true);
    ack(ann, 5);
    clock.advance(500);
    ack(ann, 5);
    assert.equal(ann.flow.rtt?.srttMs, 100);
  });
});

describe("what the ring does not hold", () => {
  it("is left to the device to pull, once a round", async () => {
    const { ann, clock, entries } = await world({ framesMax: 2 });
    entries(byUser(1, 7n), byUser(2, 7n), byUser(3, 7n));
    clock.advance(1_010);
    assert.deepEqual(ann.resent, []);
    assert.deepEqual(ann.events, [behind]);
    clock.advance(2_000);
    assert.deepEqual(ann.events, [behind, behind]);
  });

  it("is not late before the timeout, though it is gone: much was said at once", async () => {
    const { ack, ann, clock, entries } = await world({ framesMax: 2 });
    entries(byUser(1, 7n));
    clock.advance(200);
    ack(ann, 1);
    clock.advance(700);
    entries(byUser(2, 7n), byUser(3, 7n), byUser(4, 7n), byUser(5, 7n));
    clock.advance(990);
    assert.deepEqual(ann.events, []);
    clock.advance(20);
    assert.deepEqual(ann.events, [behind]);
  });

  it("is late after the timeout, though newer frames take its place all the time", async () => {
    const { ann, clock, entries } = await world({ framesMax: 2 });
    for (let seq = 1; seq <= 20; seq++) {
      entries(byUser(seq, 7n));
      clock.advance(100);
    }
    assert.deepEqual(ann.events, [behind]);
  });

  it("concerns nobody who lacks only what it holds", async () => {
    const { ack, ann, clock, entries } = await world({ framesMax: 2 });
    entries(byUser(1, 7n), byUser(2, 7n), byUser(3, 7n));
    ack(ann, 1);
    clock.advance(1_010);
    assert.deepEqual(ann.resent, [[2, 3]]);
    assert.deepEqual(ann.events, []);
  });

  it("is so behind a hole that was given up", async () => {
    const { ann, clock, entries } = await world();
    entries(byUser(1, 7n), byUser(3, 7n));
    await clock.settle(1_100);
    assert.deepEqual(ann.resent, []);
    assert.deepEqual(ann.events, [behind]);
  });

  it("is so too if it is more than a socket should be sent at once", async () => {
    const { ann, clock, entries } = await world();
    const frame = new Uint8Array(30 * 1024);
    for (const seq of [1, 2]) entries({ ...byUser(seq, 7n), frame });
    clock.advance(1_000);
    assert.equal(ann.resent[0]?.length, 60 * 1024);
    entries({ ...byUser(3, 7n), frame });
    clock.advance(2_000);
    assert.equal(ann.resent.length, 1);
    assert.deepEqual(ann.events, [behind]);
  });

  it("counts as a round: a device that never pulls is given up", async () => {
    const { ann, clock, entries } = await world({ framesMax: 1 });
    entries(byUser(1, 7n), byUser(2, 7n));
    clock.advance(31_020);
    assert.deepEqual(ann.events, [behind, behind, behind, behind, unresponsive]);
  });

  it("ends with the sync of the device, which says where it stands", async () => {
    const { ack, ann, clock, entries, timers } = await world({ framesMax: 1 });
    entries(byUser(1, 7n), byUser(2, 7n), byUser(3, 7n));
    clock.advance(1_100);
    ack(ann, 0); // sync after 0
    clock.advance(50);
    ack(ann, 3);
    clock.advance(10_000);
    assert.deepEqual(ann.events, [behind]);
    assert.equal(timers.size, 0);
  });
});

describe("a round", () => {
  it("covers several conversations that are overdue at the same time", async () => {
    const { ann, clock, entries } = await world();
    for (let id = 1n; id <= 6n; id++) entries({ ...byUser(Number(id), 7n), conversationId: id });
    clock.advance(1_000);
    assert.deepEqual(ann.resent, [[1], [2], [3], [4], [5], [6]]);
    assert.equal(ann.flow.attempts, 1);
    clock.advance(30_010);
    assert.deepEqual(ann.events[0], unresponsive);
    assert.equal(ann.resent.length, 24);
  });

  it("covers them though each look takes its time", async () => {
    const { ann, clock, entries } = await world();
    for (let id = 1n; id <= 6n; id++) {
      entries({ ...byUser(Number(id), 7n), conversationId: id });
      clock.advance(10);
    }
    clock.advance(1_010);
    assert.equal(ann.resent.length, 6);
    assert.equal(ann.flow.attempts, 1);
  });

  it("puts off what becomes overdue in another conversation soon after", async () => {
    const given = await world();
    const { ann, clock, entries } = given;
    entries({ ...byUser(1, 7n), conversationId: 1n });
    clock.advance(500);
    entries({ ...byUser(2, 7n), conversationId: 2n });
    assert.deepEqual(await resentAt(given, ann, 3_000), [1_000, 3_000]);
  });
});
