import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { DeliverySchema } from "../../gen/ts/tidewire/v1/delivery_pb.js";
import { encode } from "../../runtime/binary.js";
import { TidewireError } from "../../runtime/error.js";
import { byUser, createDownlinkWorld, entry, type Listener } from "../support/downlink-world.js";

describe("downlink by user", () => {
  it("reaches the users that are named, where they are local", async () => {
    const { entries, messages, user } = createDownlinkWorld();
    const [ann, bob] = [await user(7n), await user(8n)];
    entries(byUser(1, 7n, 99n));
    assert.deepEqual(ann.heard, [1]);
    assert.deepEqual(bob.heard, []);
    assert.deepEqual(messages, [{ topic: "u7", frames: [1] }]);
  });

  it("packs what one delivery holds for a user, of all conversations, in order", async () => {
    const { entries, messages, user } = createDownlinkWorld();
    await user(7n);
    entries(byUser(1, 7n), entry(20, { conversationId: 10n, userIds: [7n] }), byUser(2, 7n));
    assert.deepEqual(messages, [{ topic: "u7", frames: [1, 20, 2] }]);
  });
});

describe("downlink by conversation", () => {
  it("reaches whoever listens to it", async () => {
    const { entries, hub, user } = createDownlinkWorld();
    const [ann, bob] = [await user(7n), await user(8n)];
    hub.joined(7n, 9n, 0n);
    entries(entry(1), entry(2));
    assert.deepEqual(ann.heard, [1, 2]);
    assert.deepEqual(bob.heard, []);
  });

  it("publishes once, however many listen", async () => {
    const { entries, listener, messages } = createDownlinkWorld();
    for (let userId = 1n; userId <= 100n; userId++) await listener(userId, 0n);
    entries(entry(1), entry(2));
    assert.deepEqual(messages, [{ topic: "c9", frames: [1, 2] }]);
  });
});

describe("downlink", () => {
  it("drops what has been delivered before", async () => {
    const { entries, user } = createDownlinkWorld();
    const ann = await user(7n);
    entries(byUser(1, 7n));
    entries(byUser(1, 7n), byUser(2, 7n));
    assert.deepEqual(ann.heard, [1, 2]);
  });

  it("forgets conversations that have been quiet for a minute", () => {
    const { clock, downlink, entries } = createDownlinkWorld();
    entries(entry(1), entry(1, { conversationId: 10n }));
    clock.advance(30_000);
    entries(entry(2, { conversationId: 10n }));
    clock.advance(30_000);
    downlink.forgetIdle();
    assert.equal(downlink.activeConversations, 2);
    clock.advance(1);
    downlink.forgetIdle();
    assert.equal(downlink.activeConversations, 1);
    entries(entry(7), entry(3, { conversationId: 10n }));
    assert.equal(downlink.activeConversations, 2, "the other one begins anew, wherever it is by now");
  });

  it("does not forget a conversation of which it holds something", async () => {
    const { clock, downlink, entries, user } = createDownlinkWorld({ idleMs: 10 });
    const ann = await user(7n);
    entries(byUser(1, 7n), byUser(3, 7n));
    clock.advance(20);
    downlink.forgetIdle();
    await clock.settle(30);
    assert.deepEqual(ann.heard, [1, 3]);
  });

  it("does not forget it either if nobody is here to hear it yet", async () => {
    const { clock, downlink, entries } = createDownlinkWorld({ idleMs: 10 });
    entries(entry(1), entry(3));
    clock.advance(20);
    downlink.forgetIdle();
    assert.equal(downlink.activeConversations, 1);
    await clock.settle(5_000);
    downlink.forgetIdle();
    assert.equal(downlink.activeConversations, 0);
  });

  it("does not forget a conversation while a device has not acknowledged it", async () => {
    const { ack, clock, downlink, entries, user } = createDownlinkWorld({ idleMs: 10 });
    const ann = await user(7n);
    entries(byUser(1, 7n));
    clock.advance(100);
    downlink.forgetIdle();
    assert.equal(downlink.activeConversations, 1);
    ack(ann, 1);
    clock.advance(1_000);
    downlink.forgetIdle();
    assert.equal(downlink.activeConversations, 0);
    assert.equal(ann.pushed?.size ?? 0, 0);
    assert.equal(downlink.ringBytes, 0);
  });

  it("wants no timer for those who have acknowledged", async () => {
    const { ack, clock, entries, timers, user } = createDownlinkWorld();
    const ann = await user(7n);
    entries(byUser(1, 7n), byUser(2, 7n));
    assert.equal(timers.size, 1);
    ack(ann, 2);
    clock.advance(2_000);
    assert.equal(timers.size, 0);
    assert.equal(clock.pending, 0);
    assert.deepEqual(ann.resent, []);
  });

  it("wants none at all where nobody has to acknowledge", () => {
    const { entries, timers } = createDownlinkWorld();
    entries(entry(1), entry(2));
    assert.equal(timers.size, 0);
  });

  it("keeps frames within its bounds: of a conversation, and of all together", () => {
    const { downlink, entries } = createDownlinkWorld({ bytesMax: 100, totalBytesMax: 250 });
    const frame = new Uint8Array(30);
    for (let id = 1n; id <= 50n; id++) {
      for (let seq = 1; seq <= 5; seq++) entries(entry(seq, { conversationId: id, frame }));
      assert.ok(downlink.ringBytes <= 250, `${downlink.ringBytes} bytes`);
    }
    assert.equal(downlink.activeConversations, 50);
    assert.ok(downlink.ringBytes > 0, "the latest are there");
  });

  it("leaves nothing behind when it is disposed of", async () => {
    const { clock, downlink, entries, timers, user } = createDownlinkWorld();
    await user(7n);
    entries(byUser(1, 7n), byUser(3, 7n));
    downlink[Symbol.dispose]();
    assert.equal(timers.size, 0);
    assert.equal(downlink.activeConversations, 0);
    assert.equal(downlink.ringBytes, 0);
    clock.advance(60_000);
  });

  it("refuses a payload that is none", () => {
    const { deliver } = createDownlinkWorld();
    assert.throws(() => deliver(Uint8Array.of(0xff)), TidewireError);
  });
});

describe("what has just been pushed", () => {
  const conversationId = 9n;

  it("is known for a moment, of those who got it and have not acknowledged it", async () => {
    const { ack, clock, downlink, entries, user } = createDownlinkWorld();
    const [ann, bob, stranger] = [await user(7n), await user(8n), await user(9n)];
    entries(byUser(1, 7n, 8n));
    const knows = (session: Listener) => downlink.hasJustPushed(session, conversationId, 1n);
    assert.deepEqual([ann, bob, stranger].map(knows), [true, true, false]);
    ack(bob, 1);
    assert.deepEqual([ann, bob].map(knows), [true, false]);
    clock.advance(99);
    assert.equal(knows(ann), true);
    clock.advance(1);
    assert.equal(knows(ann), false);
  });

  it("is not what waits behind a hole, what has not come, and what is said elsewhere", async () => {
    const { downlink, entries, user } = createDownlinkWorld();
    const ann = await user(7n);
    entries(byUser(1, 7n), byUser(3, 7n));
    assert.equal(downlink.hasJustPushed(ann, conversationId, 1n), true);
    for (const seq of [2n, 3n, 4n]) assert.equal(downlink.hasJustPushed(ann, conversationId, seq), false, `${seq}`);
    assert.equal(downlink.hasJustPushed(ann, 10n, 1n), false);
  });

  it("is nothing for a session that is off its topics, or has left before it", async () => {
    const { downlink, entries, hub, user } = createDownlinkWorld();
    const [ann, bob] = [await user(7n), await user(8n)];
    entries(entry(1, { joinedUserIds: [7n, 8n] }), entry(2, { leftUserIds: [8n] }), entry(3, { rosterSeq: 2n }));
    assert.deepEqual(
      [ann, bob].map((session) => [1n, 2n, 3n].map((seq) => downlink.hasJustPushed(session, conversationId, seq))),
      [
        [true, true, true],
        [true, true, false],
      ],
    );
    hub.pause(ann);
    assert.equal(downlink.hasJustPushed(ann, conversationId, 3n), false);
  });

  it("is known however much was said at once, beyond what is kept", async () => {
    const { downlink, entries, user } = createDownlinkWorld({ framesMax: 2 });
    const ann = await user(7n);
    for (let seq = 1; seq <= 50; seq++) entries(byUser(seq, 7n));
    assert.equal(downlink.hasJustPushed(ann, conversationId, 1n), true);
  });
});

describe("a fence in a delivery", () => {
  it("reaches the sessions of its device, and no others", async () => {
    const { fences, user } = createDownlinkWorld();
    const [phone, laptop, bob] = [await user(7n), await user(7n, { device: 2 }), await user(8n)];
    fences({ userId: 7n, device: 1, epoch: 5n }, { userId: 99n, device: 1, epoch: 5n });
    assert.deepEqual(phone.events, [{ kind: "fence", epoch: 5n }]);
    assert.deepEqual(laptop.events, []);
    assert.deepEqual(bob.events, []);
  });

  it("reaches every session of the device, even if each goes away as it hears it", async () => {
    const { fences, hub, user } = createDownlinkWorld();
    const sessions = [await user(7n), await user(7n, { epoch: 2n }), await user(7n, { epoch: 3n })];
    for (const session of sessions) {
      const listen = session.dispatch;
      session.dispatch = (event) => {
        listen(event);
        void hub.detach(session);
      };
    }
    fences({ userId: 7n, device: 1, epoch: 4n });
    assert.deepEqual(
      sessions.map(({ events }) => events.at(-1)),
      sessions.map(() => ({ kind: "fence", epoch: 4n })),
    );
    assert.equal(hub.sessionCount, 0);
  });

  it("follows the entries of its delivery", async () => {
    const { deliver, user } = createDownlinkWorld();
    const ann = await user(7n);
    ann.dispatch = () => void ann.heard.push(255);
    const fences = [{ userId: 7n, device: 1, epoch: 5n }];
    deliver(encode(DeliverySchema, create(DeliverySchema, { entries: [byUser(1, 7n)], fences })));
    assert.deepEqual(ann.heard, [1, 255]);
  });
});

describe("a gap in the delivery stream", () => {
  it("makes every session look again, spread over half a minute", async () => {
    const { clock, counted, entries, lose, user } = createDownlinkWorld();
    const [ann, bob] = [await user(7n), await user(8n)];
    entries(byUser(1, 7n));
    clock.advance(5_000);
    ann.events.length = 0;
    lose(1n);
    entries(byUser(3, 7n));
    for (const { events } of [ann, bob]) assert.deepEqual(events, [{ kind: "entries-lost", lookAtMs: 5_000 + 15_000 }]);
    assert.deepEqual(await counted("streamGaps"), { "": 1 });
  });

  it("is seen once", async () => {
    const { entries, lose, user } = createDownlinkWorld();
    const ann = await user(7n);
    entries(byUser(1, 7n));
    lose(3n);
    entries(byUser(2, 7n));
    entries(byUser(3, 7n));
    assert.equal(ann.events.length, 1);
  });

  it("delivers what comes with it all the same", async () => {
    const { entries, lose, user } = createDownlinkWorld();
    const ann = await user(7n);
    entries(byUser(1, 7n));
    lose(1n);
    entries(byUser(2, 7n));
    assert.deepEqual(ann.heard, [1, 2]);
  });

  it("is also what a session has missed while the fabric did not know of it", async () => {
    const { clock, hub, user } = createDownlinkWorld();
    const [ann, bob] = [await user(7n), await user(8n)];
    clock.advance(90_000); // as long as a lease
    await hub.renewLeases();
    for (const { events } of [ann, bob]) {
      assert.deepEqual(events, [{ kind: "entries-lost", lookAtMs: 90_000 + 15_000 }]);
    }
  });

  it("is none at the beginning, wherever the stream is", async () => {
    const { entries, lose, user } = createDownlinkWorld();
    const ann = await user(7n);
    lose(100n);
    entries(byUser(1, 7n));
    assert.deepEqual(ann.events, []);
  });
});
