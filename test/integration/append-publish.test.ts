import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { sizeDelimitedDecodeStream } from "@bufbuild/protobuf/wire";
import { type Delivery, DeliverySchema } from "../../gen/ts/tidewire/v1/delivery_pb.js";
import { type ServerFrame, ServerFrameSchema } from "../../gen/ts/tidewire/v1/frame_pb.js";
import { decode } from "../../runtime/binary.js";
import type { Fabric } from "../../runtime/fabric/fabric.js";
import { createMemoryFabric, type MemoryFabric } from "../../runtime/fabric/memory.js";
import { silentLogger } from "../../runtime/log.js";
import { createMetrics } from "../../runtime/metrics.js";
import { append, type Placed } from "../../services/message/append.js";
import { toMessage } from "../../services/message/message-rows.js";
import { createLogStore } from "../../services/message/sql-log-store.js";
import type { Committed } from "../../services/push/committed.js";
import { encodePush } from "../../services/push/encode-push.js";
import { createPublisher, type PublishOutcome } from "../../services/push/publish.js";
import type { Store } from "../../services/store/store.js";
import { createManualClock } from "../support/clock.js";
import { createGroup, createUsers, join, leave, login, row, wordsOf } from "../support/log-world.js";
import { openTestStore } from "../support/store.js";

const ttlMs = 60_000;

describe("publishing", () => {
  let store: Store;
  let fabric: MemoryFabric;
  let received: Map<string, Delivery[]>;
  const clock = createManualClock();

  before(async () => {
    store = await openTestStore("postgresql");
  });
  after(() => store[Symbol.asyncDispose]());
  beforeEach(async () => {
    fabric = createMemoryFabric({ clock });
    received = new Map();
    for (const gateway of ["one", "two", "idle"]) {
      received.set(gateway, []);
      await fabric.streams.consume(gateway, ({ payload }) => {
        received.get(gateway)?.push(decode(DeliverySchema, payload));
      });
    }
  });

  const publisher = (change: { fabric?: Fabric; metrics?: ReturnType<typeof createMetrics> } = {}) =>
    createPublisher({
      fabric,
      logs: createLogStore(store.sql),
      clock,
      log: silentLogger,
      metrics: createMetrics(),
      ...change,
    });
  const attach = (gateway: string, ...userIds: bigint[]) =>
    Promise.all(userIds.map((userId) => fabric.routes.attach({ userId, device: 1, epoch: 1n, gateway }, ttlMs)));
  const entriesAt = (gateway: string) => (received.get(gateway) ?? []).flatMap((delivery) => delivery.entries);

  /** Stores what one user says, and returns it as it has to be published. */
  async function say(userId: bigint, conversationId: bigint, ...words: string[]): Promise<Committed[]> {
    const sender = await login(store.sql, userId);
    const [device] = await store.sql<{ last: bigint }[]>`
      select last_client_id as last from device where user_id = ${userId} and device = 1`;
    const rows = words.map((text, index) => row(conversationId, (device?.last ?? 0n) + BigInt(index + 1), text));
    const outcomes = await append(store.sql, { senders: [sender], rows, nowMs: 1 });
    return outcomes.map((outcome, index) => {
      const { clientId, content } = rows[index] ?? assert.fail();
      const placed: Placed = outcome.kind === "stored" ? outcome.placed : assert.fail();
      return { ...placed, senderId: userId, senderDevice: 1, clientId, content };
    });
  }

  async function decodeFrames(bytes: Uint8Array): Promise<ServerFrame[]> {
    const frames: ServerFrame[] = [];
    for await (const frame of sizeDelimitedDecodeStream(
      ServerFrameSchema,
      (async function* () {
        yield bytes;
      })(),
    )) {
      frames.push(frame);
    }
    return frames;
  }

  it("encodes an entry to the same bytes as the generated code, behind its length", async () => {
    const [ann = 0n] = await createUsers(store.sql, 1);
    const [entry = assert.fail()] = await say(ann, await createGroup(store.sql, ann), "x".repeat(300));
    const huge = { ...entry, conversationId: 2n ** 64n - 1n, seq: 2n ** 40n, sentAtMs: 1_700_000_000_000n };
    const system = { ...entry, senderId: 0n, senderDevice: 0, clientId: 0n, counter: 0n };
    for (const committed of [entry, huge, system]) {
      const message = toMessage(committed);
      const frame = toBinary(
        ServerFrameSchema,
        create(ServerFrameSchema, { frame: { case: "push", value: { message } } }),
      );
      const bytes = encodePush(committed);
      assert.deepEqual(bytes.subarray(bytes.length - frame.length), frame);
      assert.deepEqual((await decodeFrames(bytes)).length, 1);
    }
  });

  it("gives each gateway the members that it serves, and the entries in order", async () => {
    const [ann = 0n, bob = 0n, cem = 0n, dan = 0n] = await createUsers(store.sql, 4);
    const group = await createGroup(store.sql, ann, bob, cem);
    await attach("one", ann, bob, dan);
    await attach("two", cem);
    await publisher().publish(await say(ann, group, "one", "two"));
    await clock.settle();
    assert.deepEqual(
      entriesAt("one").map(({ seq, userIds }) => [seq, userIds]),
      [
        [1n, [ann, bob]],
        [2n, [ann, bob]],
      ],
    );
    assert.deepEqual(
      entriesAt("two").map(({ seq, userIds }) => [seq, userIds]),
      [
        [1n, [cem]],
        [2n, [cem]],
      ],
    );
    assert.deepEqual(entriesAt("idle"), []);
    assert.equal(received.get("one")?.length, 1);
    const [frame] = await decodeFrames(entriesAt("one")[0]?.frame ?? new Uint8Array());
    assert.ok(frame?.frame.case === "push");
    assert.equal(wordsOf(frame.frame.value.message?.content), "one");
  });

  it("follows changes of members: each entry goes to those who were members at its seq", async () => {
    const [ann = 0n, bob = 0n, cem = 0n] = await createUsers(store.sql, 3);
    const group = await createGroup(store.sql, ann, bob);
    await attach("one", ann, bob, cem);
    const { publish } = publisher();
    const first = await say(ann, group, "1");
    await publish(first);
    const joined = await join(store.sql, group, cem); // 2
    const left = await leave(store.sql, group, bob); // 3
    const last = await say(ann, group, "4");
    await publish([joined]);
    await publish([left]);
    await publish(last);
    await publish(first); // once more, much later
    await clock.settle();
    assert.deepEqual(
      entriesAt("one").map(({ seq, rosterSeq, userIds, joinedUserIds, leftUserIds }) => ({
        seq,
        rosterSeq,
        userIds: [...userIds].sort(),
        moved: [joinedUserIds, leftUserIds],
      })),
      [
        { seq: 1n, rosterSeq: 0n, userIds: [ann, bob], moved: [[], []] },
        { seq: 2n, rosterSeq: 2n, userIds: [ann, bob, cem], moved: [[cem], []] },
        { seq: 3n, rosterSeq: 3n, userIds: [ann, bob, cem], moved: [[], [bob]] },
        { seq: 4n, rosterSeq: 3n, userIds: [ann, cem], moved: [[], []] },
        { seq: 1n, rosterSeq: 0n, userIds: [ann, bob], moved: [[], []] },
      ],
    );
  });

  it("says of an old entry that is published again which roster held then", async () => {
    const [ann = 0n, bob = 0n] = await createUsers(store.sql, 2);
    const group = await createGroup(store.sql, ann);
    await attach("one", ann);
    await join(store.sql, group, bob); // 1
    const [old = assert.fail()] = await say(ann, group, "2");
    await leave(store.sql, group, bob); // 3
    await publisher().publish([{ ...old, rosterSeq: 3n }]);
    await clock.settle();
    assert.deepEqual(
      entriesAt("one").map(({ seq, rosterSeq }) => [seq, rosterSeq]),
      [[2n, 1n]],
    );
  });

  it("sends a conversation that is delivered by conversation to the gateways that want it, naming no users", async () => {
    const [ann = 0n, bob = 0n] = await createUsers(store.sql, 2);
    const group = await createGroup(store.sql, ann, bob);
    await store.sql`update conversation set routing = 2 where conversation_id = ${group}`;
    await attach("one", ann, bob);
    await fabric.routes.want("two", group, ttlMs);
    const { publish } = publisher();
    await publish(await say(ann, group, "1"));
    await publish([await leave(store.sql, group, bob)]);
    await clock.settle();
    assert.deepEqual(
      entriesAt("two").map(({ seq, userIds, leftUserIds }) => [seq, userIds, leftUserIds]),
      [
        [1n, [], []],
        [2n, [], [bob]],
      ],
    );
    // The gateway that serves the one who leaves has to know, though it does not want the conversation.
    assert.deepEqual(
      entriesAt("one").map(({ seq, leftUserIds }) => [seq, leftUserIds]),
      [[2n, [bob]]],
    );
  });

  it("splits what is large into several payloads, in order", async () => {
    const [ann = 0n] = await createUsers(store.sql, 1);
    const group = await createGroup(store.sql, ann);
    await attach("one", ann);
    const words = Array.from({ length: 30 }, (_, index) => `${index} ${"x".repeat(15_000)}`);
    await publisher().publish(await say(ann, group, ...words));
    await clock.settle();
    assert.deepEqual(
      entriesAt("one").map(({ seq }) => seq),
      words.map((_, index) => BigInt(index + 1)),
    );
    const sizes = (received.get("one") ?? []).map((delivery) => toBinary(DeliverySchema, delivery).length);
    assert.ok(sizes.length >= 3 && Math.max(...sizes) < 160_000, `${sizes}`);
  });

  it("tells the gateways of a user that an older session is over", async () => {
    const [ann = 0n, bob = 0n] = await createUsers(store.sql, 2);
    await attach("one", ann);
    await attach("two", bob);
    await publisher().fence([{ userId: ann, device: 1, epoch: 7n }]);
    await clock.settle();
    const fences = (received.get("one") ?? []).flatMap((delivery) => delivery.fences);
    assert.deepEqual(
      fences.map(({ userId, device, epoch }) => [userId, device, epoch]),
      [[ann, 1, 7n]],
    );
    assert.deepEqual(received.get("two"), []);
  });

  it("never throws, and counts what it could not publish", async () => {
    const [ann = 0n] = await createUsers(store.sql, 1);
    const entries = await say(ann, await createGroup(store.sql, ann), "1");
    const metrics = createMetrics();
    const broken = {
      ...fabric,
      routes: { ...fabric.routes, gatewaysOf: () => Promise.reject(new Error("redis is away")) },
    };
    const { publish, fence } = publisher({ fabric: broken, metrics });
    assert.equal(await publish(entries), "failed");
    assert.equal(await fence([{ userId: ann, device: 1, epoch: 2n }]), "failed");
    assert.equal((await metrics.publishFailures.get()).values[0]?.value, 2);
    assert.deepEqual(entriesAt("one"), []);
  });

  it("lets its caller go on after 100 ms, and counts that", async () => {
    const [ann = 0n] = await createUsers(store.sql, 1);
    const entries = await say(ann, await createGroup(store.sql, ann), "1");
    const metrics = createMetrics();
    const stuck = { ...fabric, routes: { ...fabric.routes, gatewaysOf: () => new Promise<never>(() => {}) } };
    let outcome: PublishOutcome | undefined;
    const pending = clock.pending;
    const publishing = publisher({ fabric: stuck, metrics })
      .publish(entries)
      .then((known) => {
        outcome = known;
      });
    await clock.settle(99);
    assert.equal(outcome, undefined);
    await clock.settle(1);
    await publishing;
    assert.equal(outcome, "late");
    assert.equal((await metrics.publishFailures.get()).values[0]?.value, 1);
    assert.equal(clock.pending, pending);
  });
});
