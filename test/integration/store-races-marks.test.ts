import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Role } from "../../gen/ts/tidewire/v1/group_pb.js";
import { systemClock } from "../../runtime/clock.js";
import { markRead } from "../../services/conversation/mark-read.js";
import { raiseDelivered } from "../../services/conversation/raise-delivered.js";
import { leaveGroup } from "../../services/group/leave-group.js";
import { append } from "../../services/message/append.js";
import type { DeliveredMark } from "../../services/message/log-store.js";
import { both, byConversation, byUser } from "../../services/push/committed.js";
import type { Sql, Transaction } from "../../services/store/sql.js";
import type { Actor } from "../support/interleave.js";
import { createDevice, createGroup, createUsers, row } from "../support/log-world.js";
import {
  appending,
  appendSystemEntry,
  openRaceWorld,
  placedBy,
  type RaceWorld,
  transaction,
} from "../support/races.js";

describe("races of routing and delivered marks in the store", () => {
  let world: RaceWorld;
  let sql: Sql;

  before(async () => {
    world = await openRaceWorld();
    sql = world.sql;
  });

  after(() => world[Symbol.asyncDispose]());

  it("never goes back to announcing a conversation once an append has ended that time, whatever clocks say", async () => {
    const ran = await world.everyOrder(async () => {
      const [ann, bob] = [await createDevice(sql), await createDevice(sql)];
      const group = await createGroup(sql, ann.userId, bob.userId);
      await sql`update conversation set routing = 3, routing_until_ms = 1000 where conversation_id = ${group}`;
      const behind = appending(ann, row(group, 1n, "ann"), { nowMs: 999 });
      const ahead = appending(bob, row(group, 1n, "bob"), { nowMs: 1_000 });
      return {
        actors: [
          { ...behind, name: "behind" },
          { ...ahead, name: "ahead" },
        ],
        async check() {
          const [before, after] = [placedBy(behind), placedBy(ahead)];
          assert.equal(after.routing, byConversation);
          assert.equal(before.routing, before.seq < after.seq ? both : byConversation);
        },
      };
    });
    assert.equal(ran, 6);
  });

  it("tells every append by the routing that the change of members before it left", async () => {
    const ran = await world.everyOrder(async () => {
      const ann = await createDevice(sql);
      const group = await createGroup(sql, ann.userId);
      const message = appending(ann, row(group, 1n, "ann"));
      let grownSeq = 0n;
      const grow: Actor = {
        name: "grow",
        steps: [
          (connection) => connection`begin`,
          (connection) => connection`select from conversation where conversation_id = ${group} for update`,
          async (connection) => {
            await connection`
              update conversation set routing = 3, routing_until_ms = 1000 where conversation_id = ${group}`;
            grownSeq = (await appendSystemEntry(connection as unknown as Transaction, group)).seq;
          },
          (connection) => connection`commit`,
        ],
      };
      return {
        actors: [message, grow],
        async check() {
          const { seq, routing } = placedBy(message);
          assert.equal(routing, seq < grownSeq ? byUser : both);
        },
      };
    });
    assert.equal(ran, 15);
  });

  /** A transaction that raises delivered marks. */
  function raising(name: string, ...marks: DeliveredMark[]): Actor {
    return transaction(name, (connection) => raiseDelivered(connection, marks));
  }

  async function deliveredTo(userId: bigint, conversationId: bigint): Promise<bigint> {
    const [member] = await sql<{ seq: bigint }[]>`
      select delivered_seq as seq from member where user_id = ${userId} and conversation_id = ${conversationId}`;
    return member?.seq ?? -1n;
  }

  it("never lets a delivered mark fall, nor pass the head, whatever is raised or appended meanwhile", async () => {
    const others = [
      (mark: Omit<DeliveredMark, "seq">) => raising("late", { ...mark, seq: 1n }),
      ({ userId, conversationId }: Omit<DeliveredMark, "seq">) =>
        appending({ userId, device: 1, epoch: 1n }, row(conversationId, 3n, "lost"), { end: "rollback" }),
    ];
    for (const other of others) {
      await world.everyOrder(async () => {
        const ann = await createDevice(sql);
        const group = await createGroup(sql, ann.userId);
        await append(sql, { senders: [ann], rows: [row(group, 1n, "1"), row(group, 2n, "2")], nowMs: 1 });
        const mark = { userId: ann.userId, conversationId: group };
        return {
          actors: [raising("absurd", { ...mark, seq: 9n }), other(mark)],
          check: async () => assert.equal(await deliveredTo(ann.userId, group), 2n),
        };
      });
    }
  });

  it("never deadlocks two batches of delivered marks, nor one with the read marks of a user", async () => {
    const [ann, bob] = [await createDevice(sql), await createDevice(sql)];
    const first = await createGroup(sql, ann.userId, bob.userId);
    const second = await createGroup(sql, ann.userId, bob.userId);
    await append(sql, { senders: [ann], rows: [row(first, 1n, "1"), row(second, 2n, "1")], nowMs: 1 });
    const marks = [second, first].flatMap((conversationId) =>
      [bob, ann].map(({ userId }) => ({ userId, conversationId, seq: 1n })),
    );
    const reading = transaction("read", (connection) => markRead(connection, ann.userId, marks));
    for (const other of [raising("two", ...marks.toReversed()), reading]) {
      for (const held of [first, second]) {
        await sql`update member set delivered_seq = 0, read_seq = 0 where conversation_id in (${first}, ${second})`;
        const hold = (connection: Sql) => connection`
          select from member where conversation_id = ${held} and user_id = ${ann.userId} for update`;
        await world.behind(hold, raising("one", ...marks), other);
        for (const mark of marks) assert.equal(await deliveredTo(mark.userId, mark.conversationId), 1n);
      }
    }
  });

  it("never deadlocks delivered marks with an owner who leaves", async () => {
    const [heir = 0n, owner = 0n] = await createUsers(sql, 2);
    const group = await createGroup(sql, heir, owner);
    await sql`update conversation set member_count = 2, head_seq = 1 where conversation_id = ${group}`;
    await sql`update member set role = ${Role.OWNER} where conversation_id = ${group} and user_id = ${owner}`;
    const hold = (connection: Sql) => connection`
      select from member where conversation_id = ${group} and user_id = ${heir} for update`;
    const marks = [heir, owner].map((userId) => ({ userId, conversationId: group, seq: 1n }));
    const leaving = (connection: Sql) =>
      leaveGroup(
        {
          sql: connection,
          ids: { next: () => group + 10n ** 9n },
          clock: systemClock,
          publisher: { publish: async () => "published" },
          groupMembersMax: 10,
          routeByConversationAbove: 10,
        },
        { callerId: owner, conversationId: group },
      );
    await world.inOrder(
      [transaction("holder", hold), raising("marks", ...marks), { name: "leave", steps: [leaving] }],
      [0, 0, 1, 1, 2, 0, 1],
    );
    assert.equal(await deliveredTo(owner, group), 1n);
    const [member] = await sql<{ role: Role }[]>`
      select role from member where conversation_id = ${group} and user_id = ${heir}`;
    assert.equal(member?.role, Role.OWNER);
  });
});
