import assert from "node:assert/strict";
import { it } from "node:test";
import fc from "fast-check";
import { append } from "../../services/message/append.js";
import { createLogStore } from "../../services/message/sql-log-store.js";
import { createDevice, createGroup, createUser, join, leave, row } from "../support/log-world.js";
import { describeOnEachEngine } from "../support/store.js";

const absurd = 2n ** 64n - 1n;

describeOnEachEngine("delivered marks", (store) => {
  const raise = (...marks: [userId: bigint, conversationId: bigint, seq: bigint][]) =>
    createLogStore(store().sql).raiseDelivered(
      marks.map(([userId, conversationId, seq]) => ({ userId, conversationId, seq })),
    );

  /** A group with five messages. */
  async function fiveMessages() {
    const [ann, bob] = [await createDevice(store().sql), await createUser(store().sql)];
    const group = await createGroup(store().sql, ann.userId, bob);
    const rows = [1n, 2n, 3n, 4n, 5n].map((clientId) => row(group, clientId, "hello"));
    await append(store().sql, { senders: [ann], rows, nowMs: 1 });
    return { ann: ann.userId, bob, group };
  }

  /** The mark of each membership of a user, the first one first. */
  async function marksOf(userId: bigint, conversationId: bigint): Promise<bigint[]> {
    const rows = await store().sql<{ seq: bigint }[]>`
      select delivered_seq as seq from member
      where user_id = ${userId} and conversation_id = ${conversationId}
      order by from_seq`;
    return rows.map(({ seq }) => seq);
  }

  it("begin at 0 and rise, each user's by itself", async () => {
    const { ann, bob, group } = await fiveMessages();
    assert.deepEqual(await marksOf(bob, group), [0n]);
    await raise([bob, group, 3n], [ann, group, 5n]);
    assert.deepEqual([await marksOf(bob, group), await marksOf(ann, group)], [[3n], [5n]]);
  });

  it("are no change that heads report", async () => {
    const { bob, group } = await fiveMessages();
    const changed = () => store().sql`
      select m.changed::text as member, c.changed::text as conversation
      from member m join conversation c using (conversation_id) where c.conversation_id = ${group} order by user_id`;
    const before = await changed();
    await raise([bob, group, 3n]);
    assert.deepEqual([...(await changed())], [...before]);
  });

  it("never fall and never pass the head, whatever is raised in whatever order", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.bigInt({ min: 0n, max: 9n }), { maxLength: 8 }), async (seqs) => {
        const { bob, group } = await fiveMessages();
        let highest = 0n;
        for (const seq of seqs) {
          await raise([bob, group, seq]);
          if (seq > highest) highest = seq;
          assert.deepEqual(await marksOf(bob, group), [highest > 5n ? 5n : highest]);
        }
      }),
      { numRuns: 15 },
    );
  });

  it("stay below an absurd seq, and beside absurd ids", async () => {
    const { bob, group } = await fiveMessages();
    await raise([bob, group, absurd], [absurd, group, 1n], [bob, absurd, 1n], [404n, group, 1n], [bob, 404n, 1n]);
    assert.deepEqual(await marksOf(bob, group), [5n]);
    await raise();
  });

  it("take the highest of several for one user in one batch", async () => {
    const { bob, group } = await fiveMessages();
    await raise([bob, group, 2n], [bob, group, 4n], [bob, group, 3n]);
    assert.deepEqual(await marksOf(bob, group), [4n]);
  });

  it("end with a membership, and go on in the latest one", async () => {
    const { ann, bob, group } = await fiveMessages();
    await leave(store().sql, group, bob); // 6
    await leave(store().sql, group, ann); // 7
    await raise([bob, group, 9n], [ann, group, 3n]);
    assert.deepEqual([await marksOf(bob, group), await marksOf(ann, group)], [[6n], [3n]]);
    for (const userId of [bob, ann]) await join(store().sql, group, userId); // 8, 9
    await raise([bob, group, 9n], [ann, group, 9n]);
    assert.deepEqual(
      [await marksOf(bob, group), await marksOf(ann, group)],
      [
        [6n, 9n],
        [3n, 9n],
      ],
    );
  });

  it("are written for a thousand users at once", async () => {
    const { ann, group } = await fiveMessages();
    const users = await Promise.all(Array.from({ length: 20 }, () => createUser(store().sql)));
    const crowd = await createGroup(store().sql, ann, ...users);
    await store().sql`update conversation set head_seq = 50 where conversation_id = ${crowd}`;
    const marks = Array.from({ length: 1_000 }, (_, index): [bigint, bigint, bigint] => [
      users[index % 20] ?? 0n,
      index % 2 === 0 ? crowd : group,
      BigInt(index % 50),
    ]);
    await raise(...marks);
    const marksInCrowd = await Promise.all(users.map((userId) => marksOf(userId, crowd)));
    assert.ok(marksInCrowd.flat().some((seq) => seq === 48n));
  });
});
