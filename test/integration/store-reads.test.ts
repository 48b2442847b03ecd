import assert from "node:assert/strict";
import { it } from "node:test";
import { create, fromBinary } from "@bufbuild/protobuf";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { type HeadsPage, type SyncPage, SyncPageSchema } from "../../gen/ts/tidewire/v1/frame_pb.js";
import { HeadsRequestSchema, SyncRequestSchema } from "../../gen/ts/tidewire/v1/message_pb.js";
import { systemClock } from "../../runtime/clock.js";
import { createIdGenerator } from "../../runtime/ids.js";
import { openDirect } from "../../services/conversation/direct.js";
import { type AppendSender, append } from "../../services/message/append.js";
import { encodePage } from "../../services/message/encode-page.js";
import { heads } from "../../services/message/heads.js";
import { createLogStore } from "../../services/message/sql-log-store.js";
import { sync } from "../../services/message/sync.js";
import { createDevice, createGroup, createUser, join, leave, row, text, wordsOf } from "../support/log-world.js";
import { describeOnEachEngine } from "../support/store.js";

const limits = { syncPageMax: 200, syncPageMaxBytes: 49_152, headsPageMax: 100 };

describeOnEachEngine("reading the log", (store) => {
  const ids = () => createIdGenerator({ ...store().nodeLease, clock: systemClock });
  const clientIds = new Map<string, bigint>();

  /** Says each of `words`, in batches. */
  async function say(sender: AppendSender, conversationId: bigint, ...words: string[]): Promise<void> {
    const key = `${sender.userId}/${sender.device}`;
    const rows = words.map((text, index) => row(conversationId, (clientIds.get(key) ?? 0n) + BigInt(index + 1), text));
    clientIds.set(key, (clientIds.get(key) ?? 0n) + BigInt(words.length));
    for (let first = 0; first < rows.length; first += 500) {
      await append(store().sql, { senders: [sender], rows: rows.slice(first, first + 500), nowMs: 1 });
    }
  }

  async function syncAfter(userId: bigint, conversationId: bigint, afterSeq: bigint, limit = 0): Promise<SyncPage> {
    const request = create(SyncRequestSchema, { userId, conversationId, afterSeq, limit });
    return fromBinary(SyncPageSchema, encodePage(await sync(createLogStore(store().sql), limits, request)));
  }

  const headsSince = (userId: bigint, since = 0n, limit = 0) =>
    heads(createLogStore(store().sql), limits, create(HeadsRequestSchema, { userId, since, limit }));

  const idsOf = (page: HeadsPage) => page.heads.map((head) => head.conversationId);

  async function annAndBob() {
    const [ann, bob] = [await createDevice(store().sql), await createDevice(store().sql)];
    return { ann, bob, group: await createGroup(store().sql, ann.userId, bob.userId) };
  }

  it("syncs a conversation from the start, with all that a message says of itself", async () => {
    const { ann, bob, group } = await annAndBob();
    await say(ann, group, "one", "two");
    const page = await syncAfter(bob.userId, group, 0n);
    assert.equal(page.error, ErrorCode.UNSPECIFIED);
    assert.deepEqual([page.headSeq, page.hasMore, page.reset], [2n, false, undefined]);
    const { $typeName, content, messageId, ...first } = page.messages[0] ?? assert.fail();
    const sender = { senderId: ann.userId, senderDevice: 1 };
    assert.deepEqual(first, { conversationId: group, seq: 1n, ...sender, clientId: 1n, counter: 1n, sentAtMs: 1n });
    assert.deepEqual(content, text("one"));
    assert.ok(messageId > 0n && $typeName === "tidewire.v1.Message");
  });

  it("pages by number of messages and goes on where the page before ended", async () => {
    const { ann, bob, group } = await annAndBob();
    await say(ann, group, "1", "2", "3", "4", "5");
    const first = await syncAfter(bob.userId, group, 1n, 2);
    assert.deepEqual([first.messages.map((message) => wordsOf(message.content)), first.hasMore], [["2", "3"], true]);
    const second = await syncAfter(bob.userId, group, 3n, 2);
    assert.deepEqual([second.messages.map((message) => message.seq), second.hasMore], [[4n, 5n], false]);
  });

  it("ends a page with the message that takes it over its size", async () => {
    const { ann, bob, group } = await annAndBob();
    const large = "x".repeat(15_000);
    await say(ann, group, large, large, large, large, large);
    const page = await syncAfter(bob.userId, group, 0n);
    assert.deepEqual([page.messages.length, page.hasMore, page.headSeq], [4, true, 5n]);
    assert.equal((await syncAfter(bob.userId, group, 4n)).messages.length, 1);
  });

  it("resets a device that knows nothing to the last 200", async () => {
    const { ann, bob, group } = await annAndBob();
    await say(ann, group, ...Array.from({ length: 450 }, (_, index) => `${index + 1}`));
    const first = await syncAfter(bob.userId, group, 0n);
    assert.deepEqual([first.reset?.floorSeq, first.reset?.headSeq, first.messages.length], [250n, 450n, 0]);
    const page = await syncAfter(bob.userId, group, 250n);
    assert.deepEqual([page.messages.at(0)?.seq, page.messages.at(-1)?.seq, page.hasMore], [251n, 450n, false]);
    const late = await syncAfter(bob.userId, group, 10n);
    assert.deepEqual(
      [late.reset, late.messages.at(0)?.seq, late.messages.length, late.hasMore],
      [undefined, 11n, 200, true],
    );
  });

  it("tells a stranger, and for a conversation that does not exist, the same", async () => {
    const { group } = await annAndBob();
    const stranger = await createUser(store().sql);
    for (const conversationId of [group, 404n, 0xffff_ffff_ffff_ffffn]) {
      assert.equal((await syncAfter(stranger, conversationId, 0n)).error, ErrorCode.UNKNOWN_CONVERSATION);
    }
  });

  it("shows nothing from outside a user's membership", async () => {
    const { ann, bob, group } = await annAndBob();
    await say(ann, group, "1", "2");
    await leave(store().sql, group, bob.userId); // 3
    await say(ann, group, "4", "5");
    const away = await syncAfter(bob.userId, group, 0n);
    assert.deepEqual(
      [away.messages.map((message) => message.seq), away.headSeq, away.hasMore],
      [[1n, 2n, 3n], 3n, false],
    );
    await join(store().sql, group, bob.userId); // 6
    await say(ann, group, "7");
    const before = await syncAfter(bob.userId, group, 1n);
    assert.deepEqual(
      [before.messages.map((message) => message.seq), before.headSeq, before.hasMore],
      [[2n, 3n], 7n, true],
    );
    const gap = await syncAfter(bob.userId, group, 3n);
    assert.deepEqual([gap.reset?.floorSeq, gap.messages.length], [5n, 0]);
    assert.deepEqual(
      (await syncAfter(bob.userId, group, 5n)).messages.map((message) => message.seq),
      [6n, 7n],
    );
  });

  it("lists heads with counters, read marks and a preview", async () => {
    const { ann, bob, group } = await annAndBob();
    await say(ann, group, "one", "two");
    await store().sql`update member set read_seq = 1, read_counter = 1 where user_id = ${bob.userId}`;
    const page = await headsSince(bob.userId);
    const [{ preview, $typeName, ...head } = assert.fail(), ...more] = page.heads;
    assert.deepEqual(head, {
      conversationId: group,
      kind: 2,
      title: "Group",
      peerUserId: 0n,
      headSeq: 2n,
      readSeq: 1n,
      headCounter: 2n,
      readCounter: 1n,
      isMember: true,
    });
    assert.deepEqual([more.length, page.hasMore, $typeName], [0, false, "tidewire.v1.Head"]);
    assert.deepEqual([wordsOf(preview?.content), preview?.seq, preview?.senderId], ["two", 2n, ann.userId]);
  });

  it("leaves a large content out of the preview, and the preview out of an empty conversation", async () => {
    const { ann, bob, group } = await annAndBob();
    assert.equal((await headsSince(bob.userId)).heads[0]?.preview, undefined);
    await say(ann, group, "x".repeat(1_100));
    const preview = (await headsSince(bob.userId)).heads[0]?.preview;
    assert.deepEqual([preview?.seq, preview?.content], [1n, undefined]);
  });

  it("names the other user of a direct conversation, to each of the two", async () => {
    const [ann, bob] = [await createUser(store().sql), await createUser(store().sql)];
    const direct = await openDirect(store().sql, ids(), bob, ann);
    for (const [user, peer] of [
      [ann, bob],
      [bob, ann],
    ] as const) {
      const [head] = (await headsSince(user)).heads;
      assert.deepEqual([head?.conversationId, head?.kind, head?.peerUserId], [direct, 1, peer]);
    }
  });

  it("finds one direct conversation for a pair, whoever opens it, and however many do at once", async () => {
    const [ann, bob] = [await createUser(store().sql), await createUser(store().sql)];
    const generator = ids();
    const opened = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        index % 2 === 0 ? openDirect(store().sql, generator, ann, bob) : openDirect(store().sql, generator, bob, ann),
      ),
    );
    assert.equal(new Set(opened).size, 1);
    const members = await store().sql`select user_id from member where conversation_id = ${opened[0] ?? 0n}`;
    assert.equal(members.length, 2);
  });

  it("opens a user's own conversation under the user's id, and none with a user who does not exist", async () => {
    const ann = await createUser(store().sql);
    assert.equal(await openDirect(store().sql, ids(), ann, ann), ann);
    assert.equal(await openDirect(store().sql, ids(), ann, ann), ann);
    assert.equal((await headsSince(ann)).heads[0]?.kind, 3);
    for (const nobody of [404n, 0n, 0xffff_ffff_ffff_ffffn]) {
      assert.equal(await openDirect(store().sql, ids(), ann, nobody), undefined);
      assert.equal(await openDirect(store().sql, ids(), nobody, ann), undefined);
    }
  });

  it("shows who has left the head as it was then, and no later change", async () => {
    const { ann, bob, group } = await annAndBob();
    await say(ann, group, "one");
    await leave(store().sql, group, bob.userId);
    const left = await headsSince(bob.userId);
    await say(ann, group, "behind his back");
    const [head] = (await headsSince(bob.userId)).heads;
    assert.deepEqual([head?.isMember, head?.headSeq, head?.headCounter], [false, 2n, 1n]);
    assert.deepEqual(idsOf(await headsSince(bob.userId, left.watermark)), []);
    await join(store().sql, group, bob.userId);
    const [back] = (await headsSince(bob.userId, left.watermark)).heads;
    assert.deepEqual([back?.isMember, back?.headSeq], [true, 4n]);
  });

  it("lists after a watermark what changed since", async () => {
    const { ann, bob, group } = await annAndBob();
    const other = await createGroup(store().sql, ann.userId, bob.userId);
    await say(ann, group, "one");
    const { watermark } = await headsSince(bob.userId);
    assert.deepEqual(idsOf(await headsSince(bob.userId, watermark)), []);
    await say(ann, other, "two");
    assert.deepEqual(idsOf(await headsSince(bob.userId, watermark)), [other]);
    assert.equal((await headsSince(bob.userId, 0xffff_ffff_ffff_ffffn)).heads.length, 0);
  });

  it("pages through many heads without missing one, each page getting on", async () => {
    const ann = await createDevice(store().sql);
    const groups: bigint[] = [];
    for (let index = 0; index < 25; index += 1) groups.push(await createGroup(store().sql, ann.userId));
    const seen: bigint[] = [];
    let page = await headsSince(ann.userId, 0n, 10);
    for (let turn = 0; turn < 5 && page.hasMore; turn += 1) {
      seen.push(...idsOf(page));
      page = await headsSince(ann.userId, page.watermark, 10);
    }
    assert.equal(page.hasMore, false);
    assert.deepEqual([...seen, ...idsOf(page)], groups);
  });

  it("never splits what one transaction changed, and leaves the previews beyond the limit out", async () => {
    const ann = await createDevice(store().sql);
    const groups: bigint[] = [];
    for (let index = 0; index < 8; index += 1) groups.push(await createGroup(store().sql, ann.userId));
    const rows = groups.map((group, index) => row(group, BigInt(index + 1), "hi"));
    await append(store().sql, { senders: [ann], rows, nowMs: 1 });
    const later = await createGroup(store().sql, ann.userId);
    const page = await headsSince(ann.userId, 0n, 3);
    assert.deepEqual([page.heads.length, page.hasMore], [8, true]);
    assert.equal(page.heads.filter((head) => head.preview !== undefined).length, 3);
    const rest = await headsSince(ann.userId, page.watermark, 3);
    assert.deepEqual([idsOf(rest), rest.hasMore], [[later], false]);
  });
});
