import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { createDownlink } from "../../gateway/downlink/downlink.js";
import { createHub } from "../../gateway/hub.js";
import { DeliverySchema, type FenceSchema, type LogEntrySchema } from "../../gen/ts/tidewire/v1/delivery_pb.js";
import { encode } from "../../runtime/binary.js";
import { TidewireError } from "../../runtime/error.js";
import { createMemoryRoutes } from "../../runtime/fabric/memory-routes.js";
import { createManualClock } from "../support/clock.js";
import { localSession, type RecordedSession } from "../support/local-session.js";

type Entry = MessageInitShape<typeof LogEntrySchema>;

/** Frames are single bytes, so what a session has heard is a list of numbers. */
type Listener = RecordedSession & { readonly heard: number[] };

function world(options: { idleMs?: number } = {}) {
  const clock = createManualClock();
  const hub = createHub({
    gateway: "g1",
    routes: createMemoryRoutes(clock.monotonicMs),
    leaseMs: 1_000,
    onError: assert.fail,
  });
  const listeners: Listener[] = [];
  const messages: { topic: string; frames: number[] }[] = [];
  const downlink = createDownlink({
    hub,
    clock,
    publish(topic, frames) {
      messages.push({ topic, frames: [...frames] });
      for (const { topics, heard } of listeners) if (topics.has(topic)) heard.push(...frames);
    },
    limits: { holdMs: 50, heldMax: 1_000 },
    idleMs: options.idleMs ?? 60_000,
  });
  let number = 0n;
  const deliver = (payload: Uint8Array) => downlink.deliver({ stream: "s", number: ++number, payload });
  return {
    clock,
    downlink,
    hub,
    messages,
    /** Attaches a session and returns what it hears. */
    async user(userId: bigint, device = 1, epoch = 1n): Promise<Listener> {
      const listener: Listener = { ...localSession(userId, { device, epoch }), heard: [] };
      listeners.push(listener);
      await hub.attach(listener);
      return listener;
    },
    entries: (...entries: Entry[]) => deliver(encode(DeliverySchema, create(DeliverySchema, { entries }))),
    fences: (...fences: MessageInitShape<typeof FenceSchema>[]) =>
      deliver(encode(DeliverySchema, create(DeliverySchema, { fences }))),
    deliver,
  };
}

/** An entry of conversation 9 whose frame is its seq. If it names who joins or leaves, it is the latest such change. */
function entry(seq: number, init: Entry = {}): Entry {
  const changesMembers = init.joinedUserIds ?? init.leftUserIds;
  const rosterSeq = changesMembers ? BigInt(seq) : 0n;
  return { conversationId: 9n, seq: BigInt(seq), rosterSeq, frame: Uint8Array.of(seq), ...init };
}

describe("downlink by user", () => {
  it("reaches the users that are named, where they are local", async () => {
    const { entries, messages, user } = world();
    const [ann, bob] = [await user(7n), await user(8n)];
    entries(entry(1, { userIds: [7n, 99n] }));
    assert.deepEqual(ann.heard, [1]);
    assert.deepEqual(bob.heard, []);
    assert.deepEqual(messages, [{ topic: "u7", frames: [1] }]);
  });

  it("packs what one delivery holds for a user, of all conversations, in order", async () => {
    const { entries, messages, user } = world();
    await user(7n);
    entries(
      entry(1, { userIds: [7n] }),
      entry(20, { conversationId: 10n, userIds: [7n] }),
      entry(2, { userIds: [7n] }),
    );
    assert.deepEqual(messages, [{ topic: "u7", frames: [1, 20, 2] }]);
  });
});

describe("downlink by conversation", () => {
  it("reaches whoever listens to it", async () => {
    const { entries, hub, user } = world();
    const [ann, bob] = [await user(7n), await user(8n)];
    hub.joined(7n, 9n, 0n);
    entries(entry(1), entry(2));
    assert.deepEqual(ann.heard, [1, 2]);
    assert.deepEqual(bob.heard, []);
  });

  it("lets whoever joins hear the entry that says so and all later ones, and nothing before", async () => {
    const { entries, hub, user } = world();
    const [ann, bob] = [await user(7n), await user(8n)];
    hub.joined(7n, 9n, 0n);
    entries(entry(1), entry(2, { joinedUserIds: [8n] }), entry(3));
    assert.deepEqual(ann.heard, [1, 2, 3]);
    assert.deepEqual(bob.heard, [2, 3]);
  });

  it("lets whoever leaves hear the entry that says so, and nothing after", async () => {
    const { entries, hub, user } = world();
    const [ann, bob] = [await user(7n), await user(8n)];
    for (const userId of [7n, 8n]) hub.joined(userId, 9n, 0n);
    entries(entry(1), entry(2, { leftUserIds: [8n] }), entry(3));
    assert.deepEqual(ann.heard, [1, 2, 3]);
    assert.deepEqual(bob.heard, [1, 2]);
  });

  it("keeps intervals exact when some join as others leave, within one delivery", async () => {
    const { entries, hub, user } = world();
    const [ann, bob] = [await user(7n), await user(8n)];
    hub.joined(7n, 9n, 0n);
    entries(
      entry(1),
      entry(2, { joinedUserIds: [8n], leftUserIds: [7n] }),
      entry(3),
      entry(4, { joinedUserIds: [7n] }),
      entry(5, { leftUserIds: [8n] }),
      entry(6),
    );
    assert.deepEqual(ann.heard, [1, 2, 4, 5, 6]);
    assert.deepEqual(bob.heard, [2, 3, 4, 5]);
  });

  it("applies who joins in the order of the log, even if its entries come out of order", async () => {
    const { entries, hub, user } = world();
    const [ann, bob] = [await user(7n), await user(8n)];
    hub.joined(7n, 9n, 0n);
    entries(entry(1));
    entries(entry(3));
    entries(entry(2, { joinedUserIds: [8n] }));
    assert.deepEqual(ann.heard, [1, 2, 3]);
    assert.deepEqual(bob.heard, [2, 3]);
  });

  it("waits for a leave that it has not seen before it lets out what came after it", async () => {
    const { entries, hub, user } = world();
    const [ann, bob] = [await user(7n), await user(8n)];
    for (const userId of [7n, 8n]) hub.joined(userId, 9n, 1n);
    entries(entry(6, { rosterSeq: 5n }));
    assert.deepEqual(ann.heard, []);
    entries(entry(5, { leftUserIds: [8n] }));
    assert.deepEqual(ann.heard, [5, 6]);
    assert.deepEqual(bob.heard, [5]);
  });

  it("does not wait for ever for a leave that never comes", async () => {
    const { clock, entries, hub, user } = world();
    const ann = await user(7n);
    hub.joined(7n, 9n, 1n);
    entries(entry(6, { rosterSeq: 5n }));
    clock.advance(50);
    assert.deepEqual(ann.heard, [6]);
  });

  it("does not wait for a change of members that is in effect", async () => {
    const { entries, hub, user } = world();
    const ann = await user(7n);
    hub.joined(7n, 9n, 5n);
    entries(entry(6, { rosterSeq: 5n }));
    assert.deepEqual(ann.heard, [6]);
  });
});

describe("downlink", () => {
  it("drops what has been delivered before", async () => {
    const { entries, user } = world();
    const ann = await user(7n);
    entries(entry(1, { userIds: [7n] }));
    entries(entry(1, { userIds: [7n] }), entry(2, { userIds: [7n] }));
    assert.deepEqual(ann.heard, [1, 2]);
  });

  it("gives up a hole after 50 ms", async () => {
    const { clock, entries, user } = world();
    const ann = await user(7n);
    entries(entry(1, { userIds: [7n] }));
    entries(entry(3, { userIds: [7n] }), entry(4, { userIds: [7n] }));
    clock.advance(49);
    assert.deepEqual(ann.heard, [1]);
    clock.advance(1);
    assert.deepEqual(ann.heard, [1, 3, 4]);
    assert.equal(clock.pending, 0);
  });

  it("holds each conversation's holes for itself", async () => {
    const { clock, entries, user } = world();
    const ann = await user(7n);
    const other = (seq: number) => entry(seq, { conversationId: 10n, userIds: [7n] });
    entries(entry(1, { userIds: [7n] }), other(11));
    entries(entry(3, { userIds: [7n] }));
    clock.advance(30);
    entries(other(13));
    clock.advance(20);
    assert.deepEqual(ann.heard, [1, 11, 3]);
    clock.advance(50);
    assert.deepEqual(ann.heard, [1, 11, 3, 13]);
    assert.equal(clock.pending, 0);
  });

  it("wants no timer while nothing is held, and lets one go by when the hole is mended", async () => {
    const { clock, entries, user } = world();
    const ann = await user(7n);
    entries(entry(1, { userIds: [7n] }));
    assert.equal(clock.pending, 0);
    entries(entry(3, { userIds: [7n] }));
    assert.equal(clock.pending, 1);
    entries(entry(2, { userIds: [7n] }));
    clock.advance(1_000);
    assert.deepEqual(ann.heard, [1, 2, 3]);
    assert.equal(clock.pending, 0);
  });

  it("knows the last seq that it has delivered, and not what it holds", () => {
    const { downlink, entries } = world();
    assert.equal(downlink.headSeqOf(9n), undefined);
    entries(entry(4));
    entries(entry(6));
    assert.equal(downlink.headSeqOf(9n), 4n);
  });

  it("forgets conversations that have been quiet for a minute", () => {
    const { clock, downlink, entries } = world();
    entries(entry(1), entry(1, { conversationId: 10n }));
    clock.advance(30_000);
    entries(entry(2, { conversationId: 10n }));
    clock.advance(30_001);
    downlink.forgetIdle();
    assert.equal(downlink.headSeqOf(9n), undefined);
    assert.equal(downlink.headSeqOf(10n), 2n);
    assert.equal(downlink.activeConversations, 1);
  });

  it("does not forget a conversation of which it holds something", async () => {
    const { clock, downlink, entries, user } = world({ idleMs: 10 });
    const ann = await user(7n);
    entries(entry(1, { userIds: [7n] }), entry(3, { userIds: [7n] }));
    clock.advance(20);
    downlink.forgetIdle();
    clock.advance(30);
    assert.deepEqual(ann.heard, [1, 3]);
  });

  it("leaves no timer behind when it is disposed of", async () => {
    const { clock, downlink, entries } = world();
    entries(entry(1), entry(3));
    downlink[Symbol.dispose]();
    assert.equal(clock.pending, 0);
  });

  it("refuses a payload that is none", () => {
    const { deliver } = world();
    assert.throws(() => deliver(Uint8Array.of(0xff)), TidewireError);
  });
});

describe("a fence in a delivery", () => {
  it("reaches the sessions of its device, and no others", async () => {
    const { fences, user } = world();
    const [phone, laptop, bob] = [await user(7n, 1), await user(7n, 2), await user(8n, 1)];
    fences({ userId: 7n, device: 1, epoch: 5n }, { userId: 99n, device: 1, epoch: 5n });
    assert.deepEqual(phone.events, [{ kind: "fence", epoch: 5n }]);
    assert.deepEqual(laptop.events, []);
    assert.deepEqual(bob.events, []);
  });

  it("reaches every session of the device, even if each goes away as it hears it", async () => {
    const { fences, hub, user } = world();
    const sessions = [await user(7n, 1, 1n), await user(7n, 1, 2n), await user(7n, 1, 3n)];
    for (const session of sessions) {
      const listen = session.dispatch;
      Object.assign(session, {
        dispatch(event: Parameters<typeof listen>[0]) {
          listen(event);
          void hub.detach(session);
        },
      });
    }
    fences({ userId: 7n, device: 1, epoch: 4n });
    assert.deepEqual(
      sessions.map(({ events }) => events.at(-1)),
      sessions.map(() => ({ kind: "fence", epoch: 4n })),
    );
    assert.equal(hub.sessionCount, 0);
  });

  it("follows the entries of its delivery", async () => {
    const { deliver, user } = world();
    const ann = await user(7n);
    Object.assign(ann, { dispatch: () => void ann.heard.push(255) });
    const fences = [{ userId: 7n, device: 1, epoch: 5n }];
    deliver(encode(DeliverySchema, create(DeliverySchema, { entries: [entry(1, { userIds: [7n] })], fences })));
    assert.deepEqual(ann.heard, [1, 255]);
  });
});

describe("changes of members that come late", () => {
  it("stops a user who has left, though the entry that says so came after its hole was given up", async () => {
    const { clock, entries, hub, user } = world();
    const ann = await user(7n);
    entries(entry(1, { joinedUserIds: [7n] }));
    entries(entry(3, { rosterSeq: 1n }));
    clock.advance(60);
    entries(entry(2, { leftUserIds: [7n] }));
    assert.equal(hub.rosterSeqOf(9n), undefined, "nobody listens any more");
    entries(entry(4, { rosterSeq: 2n }));
    assert.deepEqual(ann.heard, [1, 3]);
  });

  it("does not let an older change undo a newer one", async () => {
    const { entries, user } = world();
    const [ann, bob] = [await user(7n), await user(8n)];
    entries(entry(5, { joinedUserIds: [7n, 8n] }));
    entries(entry(3, { leftUserIds: [7n] })); // published before this log was started, and overtaken
    entries(entry(6, { rosterSeq: 5n }));
    assert.deepEqual(
      [ann.heard, bob.heard],
      [
        [5, 3, 6],
        [5, 3, 6],
      ],
    );
  });
});
