import assert from "node:assert/strict";
import { it } from "node:test";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { Rejection } from "../../gen/ts/tidewire/v1/message_pb.js";
import { type AppendOutcome, type AppendRow, type AppendSender, append } from "../../services/message/append.js";
import {
  createDevice,
  createGroup,
  createUser,
  createUsers,
  join,
  lastClientIdOf,
  leave,
  login,
  logOf,
  row,
} from "../support/log-world.js";
import { describeOnEachEngine } from "../support/store.js";

/** What became of each row, short enough to compare: "stored 3", "refused 63 again", "fenced". */
function brief(outcomes: readonly AppendOutcome[]): string[] {
  return outcomes.map((outcome) => {
    if (outcome.kind === "rejected") return Rejection[outcome.reason].toLowerCase();
    const what = outcome.kind === "stored" ? `stored ${outcome.placed.seq}` : `refused ${ErrorCode[outcome.code]}`;
    return outcome.duplicate ? `${what} again` : what;
  });
}

describeOnEachEngine("append", (store) => {
  const run = async (senders: AppendSender[], ...rows: AppendRow[]) =>
    brief(await append(store().sql, { senders, rows, nowMs: 1_700_000_000_000 }));

  async function deviceInGroup(): Promise<{ ann: AppendSender; group: bigint }> {
    const ann = await createDevice(store().sql);
    return { ann, group: await createGroup(store().sql, ann.userId) };
  }

  it("gives the messages of a batch the next seqs of their conversation, in their order", async () => {
    const { ann, group } = await deviceInGroup();
    assert.deepEqual(await run([ann], row(group, 1n, "one"), row(group, 2n, "two")), ["stored 1", "stored 2"]);
    assert.deepEqual(await run([ann], row(group, 3n, "three")), ["stored 3"]);
    assert.deepEqual(await logOf(store().sql, group), ["one", "two", "three"]);
    assert.equal(await lastClientIdOf(store().sql, ann), 3n);
  });

  it("serves several devices and conversations in one batch", async () => {
    const [ann, bob] = [await createDevice(store().sql), await createDevice(store().sql)];
    const first = await createGroup(store().sql, ann.userId, bob.userId);
    const second = await createGroup(store().sql, ann.userId, bob.userId);
    const outcomes = await run(
      [bob, ann],
      row(first, 1n, "bob 1"),
      row(second, 1n, "ann 1", { sender: 1 }),
      row(second, 2n, "bob 2"),
      row(first, 2n, "ann 2", { sender: 1 }),
    );
    assert.deepEqual(outcomes, ["stored 1", "stored 1", "stored 2", "stored 2"]);
    assert.deepEqual(await logOf(store().sql, first), ["bob 1", "ann 2"]);
    assert.deepEqual(await logOf(store().sql, second), ["ann 1", "bob 2"]);
  });

  it("says where each message lies, and counts only the countable ones", async () => {
    const { ann, group } = await deviceInGroup();
    const rows = [row(group, 1n, "a"), row(group, 2n, "b", { countable: false }), row(group, 3n, "c")];
    const outcomes = await append(store().sql, { senders: [ann], rows, nowMs: 1_700_000_000_000 });
    const placed = outcomes.map((outcome) => (outcome.kind === "stored" ? outcome.placed : undefined));
    assert.deepEqual(
      placed.map((place) => place?.counter),
      [1n, 1n, 2n],
    );
    assert.deepEqual(placed[0], {
      conversationId: group,
      seq: 1n,
      messageId: rows[0]?.messageId,
      sentAtMs: 1_700_000_000_000n,
      counter: 1n,
      rosterSeq: 0n,
      routing: 1,
    });
  });

  it("keeps contents apart, whatever their lengths", async () => {
    const { ann, group } = await deviceInGroup();
    const words = ["", "short", "x".repeat(16_000), "ünïcödé ✓", "\\x00 {,} \" '"];
    await run([ann], ...words.map((text, index) => row(group, BigInt(index + 1), text)));
    assert.deepEqual(await logOf(store().sql, group), words);
  });

  it("gives the same result to a message that comes again, however late", async () => {
    const { ann, group } = await deviceInGroup();
    const first = row(group, 1n, "one");
    await run([ann], first);
    for (let clientId = 2n; clientId <= 40n; clientId += 1n)
      await run([ann], row(group, clientId, `later ${clientId}`));
    assert.deepEqual(await run([ann], { ...first, messageId: 5n }), ["stored 1 again"]);
    assert.equal((await logOf(store().sql, group)).length, 40);
    assert.equal(await lastClientIdOf(store().sql, ann), 40n);
  });

  it("says of a repeated message all that it said the first time", async () => {
    const { ann, group } = await deviceInGroup();
    const once = { senders: [ann], rows: [row(group, 1n, "one")], nowMs: 1_700_000_000_000 };
    const [first] = await append(store().sql, once);
    const [second] = await append(store().sql, { ...once, rows: [row(group, 1n, "one")], nowMs: 1_800_000_000_000 });
    assert.deepEqual(second, { ...first, duplicate: true });
  });

  it("takes new messages and repeated ones in one batch", async () => {
    const { ann, group } = await deviceInGroup();
    await run([ann], row(group, 1n, "one"), row(group, 2n, "two"));
    const outcomes = await run([ann], row(group, 2n, "two"), row(group, 3n, "three"), row(group, 1n, "one"));
    assert.deepEqual(outcomes, ["stored 2 again", "stored 3", "stored 1 again"]);
    assert.deepEqual(await logOf(store().sql, group), ["one", "two", "three"]);
  });

  it("reports a conflict if other content, or another conversation, comes under a used id", async () => {
    const { ann, group } = await deviceInGroup();
    const other = await createGroup(store().sql, ann.userId);
    await run([ann], row(group, 1n, "one"));
    assert.deepEqual(await run([ann], row(group, 1n, "another")), ["conflict"]);
    assert.deepEqual(await run([ann], row(other, 1n, "one")), ["conflict"]);
    assert.deepEqual(await logOf(store().sql, group), ["one"]);
    assert.deepEqual(await logOf(store().sql, other), []);
  });

  it("uses up the client_id of a refused message, and gives the same refusal again", async () => {
    const { ann, group } = await deviceInGroup();
    const refused = row(0n, 1n, "bad", { refused: ErrorCode.CONTENT_TOO_LARGE });
    assert.deepEqual(await run([ann], refused, row(group, 2n, "good")), ["refused CONTENT_TOO_LARGE", "stored 1"]);
    assert.equal(await lastClientIdOf(store().sql, ann), 2n);
    assert.deepEqual(await run([ann], refused), ["refused CONTENT_TOO_LARGE again"]);
    assert.deepEqual(await run([ann], { ...refused, refused: ErrorCode.MALFORMED }), [
      "refused CONTENT_TOO_LARGE again",
    ]);
    assert.deepEqual(await run([ann], row(group, 1n, "something else")), ["conflict"]);
  });

  it("lets an outcome stand if it is not known what the device has sent", async () => {
    const { ann, group } = await deviceInGroup();
    const unread = { refused: ErrorCode.MALFORMED, digest: undefined, content: new Uint8Array(0) };
    await run([ann], row(group, 1n, "one"), row(0n, 2n, "two", unread));
    assert.deepEqual(await run([ann], row(0n, 1n, "", unread)), ["stored 1 again"]);
    assert.deepEqual(await run([ann], row(group, 2n, "two")), ["refused MALFORMED again"]);
  });

  it("does not find a result that is no longer kept, and says so", async () => {
    const { ann, group } = await deviceInGroup();
    await store().sql`update device set last_client_id = 10 where user_id = ${ann.userId}`;
    assert.deepEqual(await run([ann], row(group, 7n, "old")), ["refused EXPIRED again"]);
    assert.deepEqual(await run([ann], row(group, 11n, "new")), ["stored 1"]);
  });

  it("appends nothing behind a gap", async () => {
    const { ann, group } = await deviceInGroup();
    const outcomes = await run(
      [ann],
      row(group, 1n, "a"),
      row(group, 3n, "c"),
      row(group, 3n, "c"),
      row(group, 4n, "d"),
    );
    assert.deepEqual(outcomes, ["stored 1", "gap", "gap", "gap"]);
    assert.equal(await lastClientIdOf(store().sql, ann), 1n);
    assert.deepEqual(await run([ann], row(group, 2n, "b"), row(group, 3n, "c")), ["stored 2", "stored 3"]);
    assert.deepEqual(await logOf(store().sql, group), ["a", "b", "c"]);
  });

  it("appends nothing under client_id 0 or an absurd one", async () => {
    const { ann, group } = await deviceInGroup();
    const outcomes = await run([ann], row(group, 0n, "zero"), row(group, 0x7fff_ffff_ffff_ffffn, "absurd"));
    assert.deepEqual(outcomes, ["gap", "gap"]);
    assert.equal(await lastClientIdOf(store().sql, ann), 0n);
  });

  it("refuses a gap's refusal as well, for it would leave a hole", async () => {
    const { ann } = await deviceInGroup();
    assert.deepEqual(await run([ann], row(0n, 2n, "bad", { refused: ErrorCode.MALFORMED })), ["gap"]);
    assert.equal(await lastClientIdOf(store().sql, ann), 0n);
  });

  it("stores nothing of a session whose device has logged in again", async () => {
    const { ann, group } = await deviceInGroup();
    await run([ann], row(group, 1n, "before"));
    const again = await login(store().sql, ann.userId);
    assert.deepEqual(await run([ann], row(group, 2n, "late"), row(group, 1n, "before")), ["fenced", "fenced"]);
    assert.deepEqual(await run([again, ann], row(group, 2n, "late", { sender: 1 }), row(group, 2n, "new")), [
      "fenced",
      "stored 2",
    ]);
    assert.deepEqual(await logOf(store().sql, group), ["before", "new"]);
  });

  it("treats a device that does not exist as fenced", async () => {
    const { ann, group } = await deviceInGroup();
    assert.deepEqual(await run([{ ...ann, device: 9 }], row(group, 1n, "ghost")), ["fenced"]);
    assert.deepEqual(await logOf(store().sql, group), []);
  });

  it("refuses who has never been in the conversation, and who has left it", async () => {
    const { ann, group } = await deviceInGroup();
    const stranger = await createDevice(store().sql);
    assert.deepEqual(await run([stranger], row(group, 1n, "hello")), ["refused UNKNOWN_CONVERSATION"]);
    assert.deepEqual(await run([stranger], row(404n, 2n, "hello")), ["refused UNKNOWN_CONVERSATION"]);
    await leave(store().sql, group, ann.userId);
    assert.deepEqual(await run([ann], row(group, 1n, "still here")), ["refused NOT_A_MEMBER"]);
    await join(store().sql, group, ann.userId);
    assert.deepEqual(await run([ann], row(group, 2n, "back")), ["stored 3"]);
    assert.deepEqual(await run([ann], row(group, 1n, "still here")), ["refused NOT_A_MEMBER again"]);
  });

  it("takes a batch of a thousand rows of five hundred devices", async () => {
    const sql = store().sql;
    const users = await createUsers(sql, 500);
    const group = await createGroup(sql, ...users);
    const senders = await Promise.all(users.map((userId) => login(sql, userId)));
    const rows = Array.from({ length: 1_000 }, (_, index) =>
      row(group, BigInt(Math.floor(index / 500) + 1), `${index}`, { sender: index % 500 }),
    );
    const outcomes = await run(senders, ...rows);
    assert.deepEqual(
      outcomes,
      rows.map((_, index) => `stored ${index + 1}`),
    );
    assert.deepEqual(
      await logOf(sql, group),
      rows.map((_, index) => `${index}`),
    );
  });

  it("keeps one gapless order while many batches of one conversation run at once", async () => {
    const sql = store().sql;
    const users = await createUsers(sql, 8);
    const group = await createGroup(sql, ...users);
    const batches = users.map(async (userId) => {
      const sender = await login(sql, userId);
      for (let first = 1n; first <= 20n; first += 4n) {
        const rows = [0n, 1n, 2n, 3n].map((offset) => row(group, first + offset, `${userId} ${first + offset}`));
        await append(sql, { senders: [sender], rows, nowMs: 1 });
      }
    });
    await Promise.all(batches);
    const log = await logOf(sql, group);
    for (const userId of users) {
      const own = log.filter((words) => words.startsWith(`${userId} `));
      assert.deepEqual(
        own,
        Array.from({ length: 20 }, (_, index) => `${userId} ${index + 1}`),
      );
    }
  });

  it("marks the conversation as changed by its own transaction", async () => {
    const { ann, group } = await deviceInGroup();
    const read = async () => {
      const [found] = await store().sql<{ changed: bigint }[]>`
        select changed::text::bigint as changed from conversation where conversation_id = ${group}`;
      return found?.changed ?? 0n;
    };
    const before = await read();
    await run([ann], row(group, 1n, "one"));
    assert.ok((await read()) > before);
    const afterAppend = await read();
    await run([ann], row(group, 1n, "one"));
    assert.equal(await read(), afterAppend);
  });

  it("does nothing for an empty batch", async () => {
    assert.deepEqual(await run([]), []);
    assert.equal(await createUser(store().sql).then(() => "alive"), "alive");
  });
});
