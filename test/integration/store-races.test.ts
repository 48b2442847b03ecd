import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { HeadsRequestSchema, Rejection } from "../../gen/ts/tidewire/v1/message_pb.js";
import { type AppendRow, type AppendSender, append } from "../../services/message/append.js";
import { heads } from "../../services/message/heads.js";
import { createLogStore } from "../../services/message/sql-log-store.js";
import { connect, type Sql, type Transaction } from "../../services/store/sql.js";
import type { Actor } from "../support/interleave.js";
import { createDevice, createGroup, leaveWithin, login, logOf, row } from "../support/log-world.js";
import {
  appending,
  appendSystemEntry,
  companies,
  openRaceWorld,
  type RaceWorld,
  transaction,
} from "../support/races.js";

for (const company of companies) {
  describe(`races in the store, of a message ${company}`, () => {
    let world: RaceWorld;
    let sql: Sql;

    before(async () => {
      world = await openRaceWorld();
      sql = world.sql;
    });

    after(() => world[Symbol.asyncDispose]());

    const sending = (sender: AppendSender, message: AppendRow, end?: "rollback") =>
      appending(sender, message, end ? { end, company } : { company });

    it("gives two appends to one conversation seqs without hole or repeat", async () => {
      const ran = await world.everyOrder(async () => {
        const [ann, bob] = [await createDevice(sql), await createDevice(sql)];
        const group = await createGroup(sql, ann.userId, bob.userId);
        const first = sending(ann, row(group, 1n, "ann"));
        const second = sending(bob, row(group, 1n, "bob"));
        return {
          actors: [first, second],
          async check() {
            const log = await logOf(sql, group);
            for (const [actor, words] of [
              [first, "ann"],
              [second, "bob"],
            ] as const) {
              assert.ok(actor.result.outcome?.kind === "stored");
              assert.equal(log[Number(actor.result.outcome.placed.seq) - 1], words);
            }
            assert.equal(log.length, 2);
          },
        };
      });
      assert.equal(ran, 6);
    });

    it("leaves no hole behind an append that is rolled back", async () => {
      await world.everyOrder(async () => {
        const [ann, bob] = [await createDevice(sql), await createDevice(sql)];
        const group = await createGroup(sql, ann.userId, bob.userId);
        const lost = sending(ann, row(group, 1n, "ann"), "rollback");
        const kept = sending(bob, row(group, 1n, "bob"));
        return {
          actors: [lost, kept],
          check: async () => assert.deepEqual(await logOf(sql, group), ["bob"]),
        };
      });
    });

    it("stores a message once that arrives twice at the same time, and gives both the same result", async () => {
      await world.everyOrder(async () => {
        const ann = await createDevice(sql);
        const group = await createGroup(sql, ann.userId);
        const twins = [sending(ann, row(group, 1n, "once")), sending(ann, row(group, 1n, "once"))];
        return {
          actors: twins,
          async check() {
            const [first, second] = twins.map(({ result }) =>
              result.outcome?.kind === "stored" ? result.outcome : undefined,
            );
            assert.ok(first && second);
            assert.deepEqual(second.placed, first.placed);
            assert.notEqual(first.duplicate, second.duplicate);
            assert.deepEqual(await logOf(sql, group), ["once"]);
          },
        };
      });
    });

    it("stores no message of a member after the entry with which it left", async () => {
      const ran = await world.everyOrder(async () => {
        const ann = await createDevice(sql);
        const group = await createGroup(sql, ann.userId);
        const message = sending(ann, row(group, 1n, "ann"));
        const kick: Actor = {
          name: "kick",
          steps: [
            (connection) => connection`begin`,
            (connection) => connection`select from conversation where conversation_id = ${group} for update`,
            (connection) => leaveWithin(connection as unknown as Transaction, group, ann.userId),
            (connection) => connection`commit`,
          ],
        };
        return {
          actors: [message, kick],
          async check() {
            const { outcome } = message.result;
            const log = await logOf(sql, group);
            if (outcome?.kind === "stored") return assert.deepEqual(log, ["ann", "(event)"]);
            assert.deepEqual(outcome, { kind: "refused", duplicate: false, code: ErrorCode.NOT_A_MEMBER });
            assert.deepEqual(log, ["(event)"]);
          },
        };
      });
      assert.equal(ran, 15);
    });

    it("stores nothing of a session after the login that fenced it", async () => {
      await world.everyOrder(async () => {
        const ann = await createDevice(sql);
        const group = await createGroup(sql, ann.userId);
        const message = sending(ann, row(group, 1n, "ann"));
        let lastSeen = -1n;
        const raise: Actor = {
          name: "login",
          steps: [
            (connection) => connection`begin`,
            async (connection) => {
              await login(connection, ann.userId);
              const [device] = await connection<{ last: bigint }[]>`
                select last_client_id as last from device where user_id = ${ann.userId}`;
              lastSeen = device?.last ?? -1n;
            },
            (connection) => connection`commit`,
          ],
        };
        return {
          actors: [message, raise],
          async check() {
            const stored = message.result.outcome?.kind === "stored";
            assert.equal(lastSeen, stored ? 1n : 0n);
            if (!stored) assert.deepEqual(message.result.outcome, { kind: "rejected", reason: Rejection.FENCED });
            assert.deepEqual(await logOf(sql, group), stored ? ["ann"] : []);
          },
        };
      });
    });

    it("never lets a device miss a change, whatever commits while it reads its heads", async () => {
      const ran = await world.everyOrder(async () => {
        const [ann, bob, reader] = [await createDevice(sql), await createDevice(sql), await createDevice(sql)];
        const groups = [
          await createGroup(sql, ann.userId, reader.userId),
          await createGroup(sql, bob.userId, reader.userId),
        ];
        const [first = 0n, second = 0n] = groups;
        // What a device knows: it stores heads and watermark in one write.
        const known = new Map<bigint, bigint>();
        let since = 0n;
        const read = async (connection: Sql) => {
          const request = create(HeadsRequestSchema, { userId: reader.userId, since });
          const page = await heads(createLogStore(connection), { headsPageMax: 100 }, request);
          for (const head of page.heads) known.set(head.conversationId, head.headSeq);
          since = page.watermark;
        };
        return {
          actors: [
            { ...sending(ann, row(first, 1n, "ann")), name: "first" },
            { ...sending(bob, row(second, 1n, "bob")), name: "second" },
            { name: "heads", steps: [read, read] },
          ],
          async check() {
            await read(sql);
            assert.deepEqual(
              groups.map((group) => known.get(group)),
              [1n, 1n],
            );
          },
        };
      });
      assert.equal(ran, 90);
    });

    it("gives a system entry its own seq between appends", async () => {
      await world.everyOrder(async () => {
        const ann = await createDevice(sql);
        const group = await createGroup(sql, ann.userId);
        const message = sending(ann, row(group, 1n, "ann"));
        const event: Actor = {
          name: "event",
          steps: [
            (connection) => connection`begin`,
            (connection) => connection`select from conversation where conversation_id = ${group} for update`,
            (connection) => appendSystemEntry(connection as unknown as Transaction, group),
            (connection) => connection`commit`,
          ],
        };
        return { actors: [message, event], check: async () => assert.equal((await logOf(sql, group)).length, 2) };
      });
    });
  });
}

describe("races in the store, of batches", () => {
  let world: RaceWorld;
  let sql: Sql;

  before(async () => {
    world = await openRaceWorld();
    sql = world.sql;
  });

  after(() => world[Symbol.asyncDispose]());

  /** A transaction that appends several rows in one batch. */
  function batch(senders: AppendSender[], rows: AppendRow[]): Actor {
    return transaction("batch", (connection) => append(connection, { senders, rows, nowMs: 1 }));
  }

  it("never deadlocks two batches that name the same devices the other way round", async () => {
    const [ann, bob] = [await createDevice(sql), await createDevice(sql)];
    const group = await createGroup(sql, ann.userId, bob.userId);
    const rows = [row(group, 1n, "one"), row(group, 1n, "two", { sender: 1 })];
    await world.behind(
      (connection) => connection`select from device where user_id = ${ann.userId} for update`,
      batch([ann, bob], rows),
      batch([bob, ann], rows.map((message) => ({ ...message, sender: 1 - message.sender })).reverse()),
    );
    assert.deepEqual(await logOf(sql, group), ["one", "two"]);
  });

  it("never deadlocks two batches that name the same conversations the other way round", async () => {
    const [ann, bob] = [await createDevice(sql), await createDevice(sql)];
    const first = await createGroup(sql, ann.userId, bob.userId);
    const second = await createGroup(sql, ann.userId, bob.userId);
    await world.behind(
      (connection) => connection`select from conversation where conversation_id = ${first} for update`,
      batch([ann], [row(first, 1n, "ann"), row(second, 2n, "ann")]),
      batch([bob], [row(second, 1n, "bob"), row(first, 2n, "bob")]),
    );
    for (const group of [first, second]) assert.deepEqual((await logOf(sql, group)).sort(), ["ann", "bob"]);
  });

  it("lets paging through heads get on while an older transaction is still open", async () => {
    const reader = await createDevice(sql);
    const held = connect({ kind: "server", url: world.url }, { max: 1 });
    await held`begin`;
    await held`select pg_current_xact_id()`;
    const groups: bigint[] = [];
    for (let index = 0; index < 7; index += 1) groups.push(await createGroup(sql, reader.userId));
    const request = create(HeadsRequestSchema, { userId: reader.userId, limit: 3 });
    const page = await heads(createLogStore(sql), { headsPageMax: 100 }, request);
    assert.deepEqual([page.heads.map((head) => head.conversationId), page.hasMore], [groups, false]);
    await held`commit`;
    await held.end({ timeout: 1 });
  });
});
