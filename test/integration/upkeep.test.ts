import assert from "node:assert/strict";
import { it } from "node:test";
import { DeliverySchema, type LogEntry } from "../../gen/ts/tidewire/v1/delivery_pb.js";
import { decode } from "../../runtime/binary.js";
import { createMemoryFabric } from "../../runtime/fabric/memory.js";
import { createIdGenerator } from "../../runtime/ids.js";
import { silentLogger } from "../../runtime/log.js";
import { createMetrics } from "../../runtime/metrics.js";
import { createLogStore } from "../../services/message/sql-log-store.js";
import { createPublisher } from "../../services/push/publish.js";
import { summarizeMessages } from "../../services/store/summarize.js";
import { startUpkeep } from "../../services/upkeep/upkeep.js";
import { createManualClock } from "../support/clock.js";
import { createDevice, createGroup, createUser, row } from "../support/log-world.js";
import { describeOnEachEngine } from "../support/store.js";

describeOnEachEngine("upkeep of the services", (store) => {
  /** Ann says something to Bob that is stored, and no gateway hears of it. */
  async function lostPush() {
    const { sql } = store();
    const clock = createManualClock({ startMs: Date.now() });
    const fabric = createMemoryFabric({ clock });
    const logs = createLogStore(sql);
    const log = silentLogger;
    const metrics = createMetrics();
    const publisher = createPublisher({ fabric, logs, clock, log, metrics });
    const ids = createIdGenerator({ nodeId: 1, clock, deadlineMonotonicMs: () => Number.POSITIVE_INFINITY });
    const [ann, bob] = [await createDevice(sql), await createUser(sql)];
    const group = await createGroup(sql, ann.userId, bob);
    const rows = [row(group, 1n, "hello", { messageId: ids.next() })];
    await logs.append({ senders: [ann], rows, nowMs: clock.nowMs() });

    await fabric.routes.attach({ userId: bob, device: 1, epoch: 1n, gateway: "bobs" }, 90_000);
    const received = new Promise<LogEntry[]>((resolve) => {
      void fabric.streams.consume("bobs", ({ payload }) => resolve(decode(DeliverySchema, payload).entries));
    });
    const summarize = () => summarizeMessages(sql);
    const upkeep = startUpkeep({ logs, fabric, publisher, summarize, owner: "this", clock, log, metrics });
    return { sql, clock, fabric, bob, group, received, upkeep };
  }

  it("brings a lost push to the gateways of its readers within ten seconds", async () => {
    const { clock, fabric, bob, group, received, upkeep } = await lostPush();
    clock.advance(10_000);
    assert.deepEqual(
      (await received).map(({ conversationId, seq, userIds }) => [conversationId, seq, userIds]),
      [[group, 1n, [bob]]],
    );
    await upkeep[Symbol.asyncDispose]();
    await fabric[Symbol.asyncDispose]();
    assert.equal(clock.pending, 0);
  });

  it("writes the delivered marks, when it stops the last ones too", async () => {
    const { sql, clock, fabric, bob, group, upkeep } = await lostPush();
    await fabric.marks.raise([{ userId: bob, conversationId: group, seq: 1n }]);
    clock.advance(4_999);
    assert.equal((await fabric.marks.unsettled(10)).length, 1);
    await upkeep[Symbol.asyncDispose]();
    assert.deepEqual(await fabric.marks.unsettled(10), []);
    const [member] = await sql<{ seq: bigint }[]>`
      select delivered_seq as seq from member where user_id = ${bob} and conversation_id = ${group}`;
    assert.equal(member?.seq, 1n);
    await fabric[Symbol.asyncDispose]();
  });

  it("keeps the index of recent messages up to date", async () => {
    const { sql, clock, fabric, upkeep } = await lostPush();
    await sql`
      insert into message (conversation_id, seq, message_id, sender_id, device, client_id, counter, sent_at_ms, content)
      select 1, n, n, 1, 1, n, n, 1, ${new Uint8Array(1_000)} from generate_series(1, 1000) as n`;
    clock.advance(60_000);
    await upkeep[Symbol.asyncDispose]();
    const [summarized] = await sql<{ ranges: number }[]>`
      select brin_summarize_new_values('message_by_id') as ranges`;
    assert.equal(summarized?.ranges, 0, "nothing is left to do");
    await fabric[Symbol.asyncDispose]();
  });
});
