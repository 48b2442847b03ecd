import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { ContentSchema } from "../../gen/ts/tidewire/v1/content_pb.js";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { encode } from "../../runtime/binary.js";
import { readHistory } from "../../services/conversation/history.js";
import { listInterests } from "../../services/conversation/interests.js";
import { listConversations } from "../../services/conversation/list.js";
import { markRead } from "../../services/conversation/mark-read.js";
import type { AppendBatch } from "../../services/message/append.js";
import { createLogStore } from "../../services/message/sql-log-store.js";
import {
  bigints,
  inTransaction,
  openStore,
  type Sql,
  type Store,
  type Transaction,
} from "../../services/store/store.js";
import { summarizeMessages } from "../../services/store/summarize.js";
import { text } from "../support/log-world.js";
import { sharedPostgres } from "../support/postgres.js";
import { type ExplainedSql, openExplained, type TableAccess } from "../support/query-plans.js";

const users = 5_000;
/** Each user is in so many groups, and each group has so many members and messages. */
const groupsOfUser = 8;
const membersOfGroup = 20;
const groups = (users * groupsOfUser) / membersOfGroup;
const messagesOfGroup = 50;

const groupId = (index: number) => BigInt(10_000_000 + index);
const userId = (index: number) => BigInt(1 + index);
const messageId = (group: number, seq: number) => BigInt(seq * groups + group);
const lastMessageId = messageId(groups - 1, messagesOfGroup);

const words = encode(ContentSchema, text("hello"));

/** A database of some size: 5,000 users with a device each, 2,000 groups, 100,000 messages. */
async function fill(sql: Transaction): Promise<void> {
  await sql`set local statement_timeout = 0`; // which is for the product, and not for a slow machine that fills tables
  await sql`
    insert into account (user_id, name, password_hash, display_name)
    select id, 'user-' || id, 'none', 'User' from generate_series(1, ${users}::bigint) as id`;
  await sql`
    insert into device (user_id, device, device_id, epoch, last_client_id)
    select id, 1, 'phone', 1, 20 from generate_series(1, ${users}::bigint) as id`;
  await sql`
    insert into conversation (conversation_id, kind, title, head_seq, head_counter, roster_seq, member_count, routing)
    select ${groupId(0)} + id, 2, 'Group', ${messagesOfGroup}, ${messagesOfGroup}, 1, ${membersOfGroup}, 1 + id % 2
    from generate_series(0, ${groups - 1}) as id`;
  await sql`
    insert into member (conversation_id, user_id, from_seq)
    select ${groupId(0)} + (id * ${membersOfGroup} + place) % ${groups}, 1 + (id * 7 + place * 613) % ${users}, 1
    from generate_series(0, ${groups - 1}) as id, generate_series(0, ${membersOfGroup - 1}) as place
    on conflict do nothing`;
  await sql`
    insert into message (conversation_id, seq, message_id, sender_id, device, client_id, counter, sent_at_ms, content)
    select ${groupId(0)} + id, seq, seq * ${groups} + id,
      case when seq = 1 then 0 else 1 + (id * 31 + seq) % ${users} end, 1, 1 + seq % 20, seq, seq, ${words}::bytea
    from generate_series(1, ${messagesOfGroup}) as seq, generate_series(0, ${groups - 1}) as id
    order by seq, id`;
}

async function someMember(sql: Sql): Promise<{ userId: bigint; groupIds: bigint[] }> {
  const rows = await sql<{ id: bigint }[]>`
    select conversation_id as id from member where user_id = ${userId(500)} order by conversation_id`;
  assert.ok(rows.length > 3);
  return { userId: userId(500), groupIds: rows.map(({ id }) => id) };
}

/** A batch of 100 devices that say something each in one of its groups. */
async function batchOf(sql: Sql, count: number): Promise<AppendBatch> {
  const members = await sql<{ userId: bigint; conversationId: bigint; clientId: bigint; epoch: bigint }[]>`
    select distinct on (member.user_id)
      member.user_id as "userId", conversation_id as "conversationId", last_client_id + 1 as "clientId", epoch
    from member join device on device.user_id = member.user_id
    where member.user_id between 100 and ${99 + count}`;
  return {
    senders: members.map((member) => ({ userId: member.userId, device: 1, epoch: member.epoch })),
    rows: members.map((member, sender) => ({
      sender,
      clientId: member.clientId,
      conversationId: member.conversationId,
      messageId: lastMessageId + 1_000n + BigInt(sender) + member.clientId * 10_000n,
      refused: ErrorCode.UNSPECIFIED,
      countable: true,
      content: words,
      digest: undefined,
    })),
    nowMs: 1,
  };
}

/** Nothing is read but what is asked for: `rowsMax` bounds what a statement may look at of each table, in all. */
function assertFrugal(accesses: readonly TableAccess[], rowsMax: Readonly<Record<string, number>>): void {
  const looked = new Map<string, number>();
  for (const { table, how, rows } of accesses) {
    assert.notEqual(how, "Seq Scan", `the whole of ${table} is read`);
    if (rows > 0) looked.set(table, (looked.get(table) ?? 0) + rows);
  }
  for (const [table, rows] of looked) {
    const bound = rowsMax[table];
    assert.ok(bound !== undefined, `nothing is said of ${table}, of which ${rows} rows are read`);
    assert.ok(rows <= bound, `${rows} rows of ${table} are read, not ${bound} at most`);
  }
  assert.deepEqual([...looked.keys()].sort(), Object.keys(rowsMax).sort(), "tables that are read");
}

for (const statistics of ["with statistics", "without statistics, as on the embedded database"] as const) {
  describe(`the plans of queries, ${statistics}`, () => {
    let store: Store;
    let explained: ExplainedSql | undefined;
    /** A user, and the groups that the user is in. */
    let reader: { userId: bigint; groupIds: bigint[] };
    before(async () => {
      const url = await (await sharedPostgres()).createDatabase();
      store = await openStore({ database: { kind: "server", url } });
      for (const table of ["message", "member", "conversation", "device", "account"])
        await store.sql.unsafe(`alter table ${table} set (autovacuum_enabled = off)`);
      await inTransaction(store.sql, fill);
      if (statistics === "with statistics") await store.sql`analyze`;
      await summarizeMessages(store.sql);
      explained = openExplained(url);
      reader = await someMember(store.sql);
    });
    after(async () => {
      await explained?.[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
    });

    /** Several times: a plan may become another one after it was used five times. */
    async function frugal(rowsMax: Readonly<Record<string, number>>, work: (sql: Sql) => Promise<unknown>) {
      assert.ok(explained);
      const { sql, accessesOf } = explained;
      for (let times = 0; times < 7; times++) assertFrugal(await accessesOf(() => work(sql)), rowsMax);
    }

    it("read a membership and its head", () =>
      frugal({ member: 3, conversation: 3 }, (sql) =>
        createLogStore(sql).readMembership(reader.groupIds[0] ?? 0n, reader.userId),
      ));

    it("read a page of a log", () =>
      frugal({ message: 25 }, (sql) =>
        createLogStore(sql).readStretch({
          conversationId: groupId(3),
          firstSeq: 10n,
          lastSeq: 30n,
          limit: 200,
          maxBytes: 48_000,
        }),
      ));

    it("read a user's heads", () =>
      frugal({ member: 24, conversation: 24, message: 24 }, (sql) =>
        createLogStore(sql).readHeads({ userId: reader.userId, since: 0n, limit: 100 }),
      ));

    it("read heads of some conversations", () =>
      frugal({ member: 24, conversation: 24, message: 24 }, (sql) =>
        createLogStore(sql).readHeadsOf(reader.userId, reader.groupIds.slice(0, 3)),
      ));

    it("read the members of conversations", () =>
      frugal({ member: 3 * membersOfGroup, conversation: 3 }, (sql) =>
        createLogStore(sql).readRosters([1, 2, 3].map((index) => ({ conversationId: groupId(index), seq: 5n }))),
      ));

    it("read when a roster last changed", () =>
      frugal({ member: membersOfGroup }, (sql) => createLogStore(sql).readRosterSeqAt(groupId(1), 5n)));

    it("read entries that a gateway has missed", () =>
      frugal({ message: 6, conversation: 5, member: membersOfGroup }, (sql) =>
        createLogStore(sql).readCommitted({
          conversationId: groupId(1),
          firstSeq: 1n,
          lastSeq: 5n,
          limit: 100,
          maxBytes: 48_000,
        }),
      ));

    it("read what was stored lately, and little besides", () =>
      // The summary of a stretch of the table names more than what is asked for: some 32 pages of 8 KiB.
      frugal({ message: 12_000, conversation: 20 }, (sql) => createLogStore(sql).readRecent(lastMessageId - 10n)));

    it("raise delivered marks", () => {
      let seq = 0n;
      return frugal({ member: 40, conversation: 10 }, (sql) => {
        const marks = reader.groupIds.map((conversationId) => ({ userId: reader.userId, conversationId, seq: ++seq }));
        return createLogStore(sql).raiseDelivered(marks.slice(0, 3));
      });
    });

    it("list conversations, with their last messages", () =>
      frugal({ member: 24, conversation: 24, message: 24 }, (sql) =>
        listConversations(sql, { userId: reader.userId, pageToken: "", limit: 50 }),
      ));

    it("list the conversations that a session is to listen to", () =>
      frugal({ member: 24, conversation: 24 }, (sql) => listInterests(sql, reader.userId)));

    it("read history backwards", () =>
      // Without statistics, a log of this size is read as a whole and sorted.
      frugal({ member: 6, message: messagesOfGroup }, async (sql) => {
        const query = { userId: reader.userId, conversationId: reader.groupIds[0] ?? 0n, beforeSeq: 40n };
        const { messages } = await readHistory(sql, { ...query, limit: 20, maxBytes: 48_000 });
        assert.equal(messages.length, 20);
      }));

    it("move read marks", () => {
      let seq = 0n;
      return frugal({ member: 40, conversation: 10, message: 10 }, (sql) => {
        seq++;
        return markRead(
          sql,
          reader.userId,
          reader.groupIds.slice(0, 3).map((conversationId) => ({ conversationId, seq })),
        );
      });
    });

    it("append a batch: each device, conversation and membership is met, and no message", async () => {
      const size = 100;
      let stored = 0;
      await frugal({ device: 3 * size, conversation: 3 * size, member: size }, async (sql) => {
        const outcomes = await createLogStore(sql).append(await batchOf(store.sql, size));
        stored += outcomes.filter(({ kind }) => kind === "stored").length;
      });
      assert.ok(stored >= 7 * size * 0.9, `${stored} were stored`);
    });

    it("append one message: its device, its conversation and a membership are met", async () => {
      const { senders, rows, nowMs } = await batchOf(store.sql, 150);
      let next = 120; // of devices that said nothing in other tests
      await frugal({ device: 2, conversation: 2, member: 1 }, async (sql) => {
        const [sender, row] = [senders[next], rows[next++]];
        assert.ok(sender && row);
        const [outcome] = await createLogStore(sql).append({ senders: [sender], rows: [{ ...row, sender: 0 }], nowMs });
        assert.equal(outcome?.kind, "stored");
      });
    });

    it("find the outcome of what is repeated by its device", async () => {
      const batch = await batchOf(store.sql, 20);
      await createLogStore(store.sql).append(batch);
      await frugal({ device: 60, conversation: 60, message: 20 }, async (sql) => {
        const outcomes = await createLogStore(sql).append(batch);
        assert.ok(outcomes.every((outcome) => outcome.kind === "stored" && outcome.duplicate));
      });
    });
  });
}

describe("the table of messages", () => {
  it("can be partitioned by conversation: all goes on as before", async () => {
    const url = await (await sharedPostgres()).createDatabase();
    await using store = await openStore({ database: { kind: "server", url } });
    await store.sql.unsafe(`
      alter table message rename to message_whole;
      create table message (like message_whole including all) partition by hash (conversation_id);
      create table message_0 partition of message for values with (modulus 2, remainder 0);
      create table message_1 partition of message for values with (modulus 2, remainder 1);
      drop table message_whole;`);
    await inTransaction(store.sql, fill);
    const logs = createLogStore(store.sql);
    const batch = await batchOf(store.sql, 50);
    const seqs = (await logs.append(batch)).map((outcome) => (outcome.kind === "stored" ? outcome.placed.seq : 0n));
    assert.ok(seqs.every((seq) => seq > BigInt(messagesOfGroup)));
    const again = await logs.append(batch);
    assert.deepEqual(
      again.map((outcome) => outcome.kind === "stored" && outcome.duplicate && outcome.placed.seq),
      seqs,
    );
    const [first] = batch.rows;
    assert.ok(first);
    const { conversationId, messageId: id } = first;
    const stretch = { conversationId, firstSeq: 40n, lastSeq: 1_000n, limit: 200, maxBytes: 48_000 };
    assert.ok((await logs.readStretch(stretch)).some((row) => row.messageId === id));
    const recent = await logs.readRecent(lastMessageId + 1n);
    assert.deepEqual(
      new Set(recent.map((entry) => entry.conversationId)),
      new Set(batch.rows.map((row) => row.conversationId)),
    );
    const [used] = await store.sql<{ parts: bigint }[]>`
      select count(distinct tableoid) as parts from message where conversation_id = any(${bigints(
        batch.rows.map((row) => row.conversationId),
      )}::bigint[])`;
    assert.equal(used?.parts, 2n);
  });
});
