import assert from "node:assert/strict";
import { it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { DeliverySchema, type LogEntry } from "../../gen/ts/tidewire/v1/delivery_pb.js";
import { EntriesRequestSchema, HeadsOfRequestSchema } from "../../gen/ts/tidewire/v1/message_pb.js";
import { decode } from "../../runtime/binary.js";
import { createMemoryFabric } from "../../runtime/fabric/memory.js";
import { silentLogger } from "../../runtime/log.js";
import { createMetrics } from "../../runtime/metrics.js";
import { openDirect } from "../../services/conversation/direct.js";
import { type AppendSender, append } from "../../services/message/append.js";
import { headsOf } from "../../services/message/heads-of.js";
import { recentMax } from "../../services/message/log-store.js";
import { readEntries } from "../../services/message/read-entries.js";
import { createLogStore } from "../../services/message/sql-log-store.js";
import type { Committed, Routing } from "../../services/push/committed.js";
import { createPublisher } from "../../services/push/publish.js";
import { summarizeMessages } from "../../services/store/summarize.js";
import { createManualClock } from "../support/clock.js";
import { createDevice, createGroup, createUser, createUsers, join, leave, row, wordsOf } from "../support/log-world.js";
import { describeOnEachEngine } from "../support/store.js";

describeOnEachEngine("reading committed entries", (store) => {
  const logs = () => createLogStore(store().sql);
  const clientIds = new Map<bigint, bigint>();
  /** Message ids of one test are higher than those of the tests before it. */
  let epoch = 10n ** 15n;
  const newEpoch = () => {
    epoch += 10n ** 12n;
    return epoch;
  };

  async function say(
    sender: AppendSender,
    conversationId: bigint,
    words: string,
    messageId?: bigint,
  ): Promise<Committed> {
    const clientId = (clientIds.get(sender.userId) ?? 0n) + 1n;
    clientIds.set(sender.userId, clientId);
    const message = row(conversationId, clientId, words, messageId === undefined ? {} : { messageId });
    const [outcome] = await append(store().sql, { senders: [sender], rows: [message], nowMs: 1_750_000_000_000 });
    assert.ok(outcome?.kind === "stored");
    const { userId: senderId, device: senderDevice } = sender;
    return { ...outcome.placed, senderId, senderDevice, clientId, content: message.content };
  }

  const entries = (conversationId: bigint, firstSeq: bigint, lastSeq: bigint) =>
    readEntries(logs(), create(EntriesRequestSchema, { conversationId, firstSeq, lastSeq }));

  const setRouting = (group: bigint, routing: Routing, untilMs = 9e15) =>
    store().sql`
      update conversation set routing = ${routing}, routing_until_ms = ${untilMs}::bigint
      where conversation_id = ${group}`;

  /** What a gateway gets that serves these users and wants this conversation, when these are published. */
  async function publish(userIds: bigint[], wanted: bigint, committed: Committed[]): Promise<LogEntry[]> {
    const clock = createManualClock();
    await using fabric = createMemoryFabric({ clock });
    const received: LogEntry[] = [];
    await fabric.streams.consume("g", ({ payload }) => void received.push(...decode(DeliverySchema, payload).entries));
    for (const userId of userIds) await fabric.routes.attach({ userId, device: 1, epoch: 1n, gateway: "g" }, 1_000);
    await fabric.routes.want("g", wanted, 1_000);
    const publisher = createPublisher({ fabric, logs: logs(), clock, log: silentLogger, metrics: createMetrics() });
    for (const entry of committed) await publisher.publish([entry]);
    await clock.settle();
    return received;
  }

  /** Sets of users have no order. */
  const comparable = (found: LogEntry[]) => {
    const sorted = (ids: bigint[]) => [...ids].sort((a, b) => Number(a - b));
    return found.map(({ userIds, joinedUserIds, leftUserIds, ...entry }) => ({
      ...entry,
      users: [sorted(userIds), sorted(joinedUserIds), sorted(leftUserIds)],
    }));
  };

  for (const routing of [1, 2, 3] as const) {
    it(`gives entries as they were published, with routing ${routing}`, async () => {
      const [ann, bob, cem] = [
        await createDevice(store().sql),
        await createUser(store().sql),
        await createUser(store().sql),
      ];
      const group = await createGroup(store().sql, ann.userId, bob);
      await setRouting(group, routing);
      const committed = [
        await say(ann, group, "1"),
        await join(store().sql, group, cem),
        await say(ann, group, "3"),
        await leave(store().sql, group, bob),
        await say(ann, group, "5"),
        await leave(store().sql, group, cem),
        await join(store().sql, group, bob),
        await say(ann, group, "8"),
      ];
      const published = comparable(await publish([ann.userId, bob, cem], group, committed));
      assert.deepEqual(comparable(await entries(group, 2n, 8n)), published.slice(1));
      assert.deepEqual(comparable(await entries(group, 5n, 6n)), published.slice(4, 6));
      assert.equal(published[2]?.users[0]?.length, routing === 2 ? 0 : 3);
      assert.equal(published[2]?.announcesConversation, routing === 3);
    });
  }

  it("gives the first messages of a direct conversation, which nobody joins by", async () => {
    const [ann, bob] = [await createDevice(store().sql), await createUser(store().sql)];
    const direct = await openDirect(store().sql, { next: () => newEpoch() }, ann.userId, bob);
    const first = await say(ann, direct ?? 0n, "hi");
    assert.deepEqual(
      comparable(await entries(direct ?? 0n, 1n, 9n)),
      comparable(await publish([ann.userId, bob], 0n, [first])),
    );
  });

  it("gives nothing of a conversation that does not exist, from beyond its head, or backwards", async () => {
    const ann = await createDevice(store().sql);
    const group = await createGroup(store().sql, ann.userId);
    await say(ann, group, "1");
    const max = 2n ** 64n - 1n;
    for (const [conversationId, firstSeq, lastSeq] of [
      [404n, 1n, 5n],
      [max, 1n, 5n],
      [group, 2n, 5n],
      [group, 1n, 0n],
      [group, max, max],
    ] as const) {
      assert.deepEqual(await entries(conversationId, firstSeq, lastSeq), []);
    }
    assert.equal((await entries(group, 0n, max)).length, 1);
  });

  it("gives 200 entries at most, and none after the one with which they pass 128 KiB", async () => {
    const ann = await createDevice(store().sql);
    const group = await createGroup(store().sql, ann.userId);
    const first = clientIds.get(ann.userId) ?? 0n;
    const rows = Array.from({ length: 230 }, (_, index) =>
      row(group, first + BigInt(index + 1), index < 210 ? "x" : "x".repeat(15_000)),
    );
    await append(store().sql, { senders: [ann], rows, nowMs: 1 });
    assert.deepEqual(
      (await entries(group, 3n, 230n)).map(({ seq }) => seq),
      Array.from({ length: 200 }, (_, index) => BigInt(index + 3)),
    );
    const large = await entries(group, 211n, 230n);
    assert.equal(large.length, 9);
    assert.equal(large.at(-1)?.seq, 219n);
  });

  it("counts the ids of many members into those 128 KiB", async () => {
    const ann = await createDevice(store().sql);
    const group = await createGroup(store().sql, ann.userId, ...(await createUsers(store().sql, 2_000)));
    for (let count = 0; count < 12; count += 1) await say(ann, group, "x");
    const found = await entries(group, 1n, 12n);
    assert.equal(found[0]?.userIds.length, 2_001);
    assert.equal(found.length, 9);
  });

  it("finds the last entry of each conversation that got one lately, and the changes of members that are as recent", async () => {
    const { sql } = store();
    const ann = await createDevice(sql);
    const [bob = 0n, cem = 0n] = await createUsers(sql, 2);
    const groups = await Promise.all([1, 2, 3, 4].map(() => createGroup(sql, ann.userId)));
    const [busy = 0n, quiet = 0n, grown = 0n, grownLong = 0n] = groups;
    const since = newEpoch();
    await say(ann, quiet, "long ago", since - 1n);
    for (const group of [busy, grown, grownLong]) await say(ann, group, "long ago", since - 2n);
    await join(sql, grownLong, bob);
    await join(sql, grown, bob);
    await join(sql, grown, cem);
    await sql`update message set message_id = ${since} + seq where conversation_id = ${grown} and seq > 1`;
    await say(ann, grown, "hi Bob", since + 5n);
    await say(ann, busy, "not the last, but its id was minted last", since + 4n);
    await say(ann, busy, "the last", since + 3n);
    await say(ann, grownLong, "also", since);
    const found = await logs().readRecent(since);
    assert.deepEqual(
      found.map(({ conversationId, seq, content, joinedUserIds, rosterSeq }) => ({
        at: [conversationId, seq, rosterSeq],
        words: wordsOf(content),
        joinedUserIds,
      })),
      [
        { at: [grownLong, 3n, 2n], words: "also", joinedUserIds: [] },
        { at: [busy, 3n, 0n], words: "the last", joinedUserIds: [] },
        { at: [grown, 2n, 2n], words: "(event)", joinedUserIds: [bob] },
        { at: [grown, 3n, 3n], words: "(event)", joinedUserIds: [cem] },
        { at: [grown, 4n, 3n], words: "hi Bob", joinedUserIds: [] },
      ],
    );
    const later = await logs().readRecent(since + 4n);
    assert.deepEqual(
      later.map(({ conversationId }) => conversationId),
      [grown],
    );
    const next = await logs().readRecent(since, since + 4n);
    assert.deepEqual(
      next.map(({ conversationId, seq }) => [conversationId, seq]),
      [
        [grown, 2n],
        [grown, 3n],
        [grown, 4n],
      ],
    );
    assert.deepEqual(await logs().readRecent(since + 6n), []);
  });

  it("finds an entry that ends a membership, for those who leave by it", async () => {
    const [ann, bob] = [await createDevice(store().sql), await createUser(store().sql)];
    const group = await createGroup(store().sql, ann.userId, bob);
    const since = newEpoch();
    await say(ann, group, "hello", since - 1n);
    await leave(store().sql, group, bob);
    await store().sql`update message set message_id = ${since} where conversation_id = ${group} and seq = 2`;
    const [left, ...more] = await logs().readRecent(since);
    assert.deepEqual([left?.leftUserIds, left?.joinedUserIds, more.length], [[bob], [], 0]);
  });

  it("finds the same before and after the index has been brought up to date, in pages of whole conversations", async () => {
    const { sql } = store();
    const since = newEpoch();
    const count = recentMax + 50;
    await sql`
      insert into conversation (conversation_id, kind, head_seq)
      select ${since} + n, 2, 1 from generate_series(1, ${count}::integer) as n`;
    // The one whose message came first has the highest id.
    await sql`
      insert into message (conversation_id, seq, message_id, sender_id, device, client_id, counter, sent_at_ms, content)
      select ${since} + n, 1, ${since} + ${count + 1} - n, 1, 1, n, 1, 1, ''
      from generate_series(1, ${count}::integer) as n`;
    const readAll = async () => {
      const first = await logs().readRecent(since);
      assert.equal(first.length, recentMax);
      return [...first, ...(await logs().readRecent(since, first.at(-1)?.messageId))];
    };
    const before = await readAll();
    assert.deepEqual(
      before.map(({ conversationId }) => conversationId),
      Array.from({ length: count }, (_, index) => since + BigInt(count - index)),
    );
    await summarizeMessages(sql);
    assert.deepEqual(await readAll(), before);
  });

  it("shows some of a user's conversations as heads would, but for those that the user has never been in", async () => {
    const [ann, bob] = [await createDevice(store().sql), await createUser(store().sql)];
    const { sql } = store();
    const groups = [await createGroup(sql, ann.userId, bob), await createGroup(sql, ann.userId, bob)];
    const [present = 0n, past = 0n] = groups;
    const empty = await createGroup(sql, bob);
    const notAskedFor = await createGroup(sql, bob);
    const foreign = await createGroup(sql, ann.userId);
    for (const group of groups) await say(ann, group, "hello");
    await leave(sql, past, bob);
    await say(ann, past, "behind his back");
    const some = [present, past, empty, foreign, 404n, 2n ** 64n - 1n, present];
    const page = await headsOf(logs(), create(HeadsOfRequestSchema, { userId: bob, conversationIds: some }));
    assert.deepEqual(
      page.heads.map(({ conversationId, isMember, headSeq, headCounter, preview }) => ({
        of: conversationId,
        isMember,
        head: [headSeq, headCounter],
        words: preview && wordsOf(preview.content),
      })),
      [
        { of: present, isMember: true, head: [1n, 1n], words: "hello" },
        { of: past, isMember: false, head: [2n, 1n], words: "(event)" },
        { of: empty, isMember: true, head: [0n, 0n], words: undefined },
      ],
    );
    assert.deepEqual([page.watermark, page.hasMore], [0n, false]);
    const other = await headsOf(logs(), create(HeadsOfRequestSchema, { userId: bob, conversationIds: [notAskedFor] }));
    assert.equal(other.heads.length, 1);
  });
});
