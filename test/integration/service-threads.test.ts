import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { inflateRawSync } from "node:zlib";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { DeliverySchema } from "../../gen/ts/tidewire/v1/delivery_pb.js";
import { Compression, SyncPageSchema, UpMsgSchema } from "../../gen/ts/tidewire/v1/frame_pb.js";
import { defaultLimits } from "../../gen/ts/tidewire/v1/limits.js";
import { MessageService, type Outcome } from "../../gen/ts/tidewire/v1/message_pb.js";
import { systemClock } from "../../runtime/clock.js";
import { createMemoryFabric } from "../../runtime/fabric/memory.js";
import { silentLogger } from "../../runtime/log.js";
import { createMetrics, renderMetrics } from "../../runtime/metrics.js";
import { createPortTransport } from "../../runtime/port-transport.js";
import { openStore, type Store } from "../../services/store/store.js";
import { startThreadPool } from "../../services/threads/thread-pool.js";
import { createDevice, createGroup, logOf, text } from "../support/log-world.js";
import { sharedPostgres } from "../support/postgres.js";

describe("threads of the services", () => {
  let store: Store;
  let databaseUrl: string;
  before(async () => {
    databaseUrl = await (await sharedPostgres()).createDatabase();
    store = await openStore({ database: { kind: "server", url: databaseUrl } });
  });
  after(() => store[Symbol.asyncDispose]());

  /** Threads, a gateway that wants a group in which a device may speak, and a client whose every call a thread does. */
  async function world(threads = 1) {
    const fabric = createMemoryFabric({ clock: systemClock });
    const settings = {
      databaseUrl,
      allowUnsafeDatabase: false,
      limits: defaultLimits,
      log: { level: "silent", format: "json" },
    } as const;
    const pool = await startThreadPool({ threads, settings, fabric, log: silentLogger });
    const device = await createDevice(store.sql);
    const group = await createGroup(store.sql, device.userId);
    const pushed: [bigint, bigint][] = [];
    const route = { userId: device.userId, device: 1, epoch: 1n, gateway: "g" };
    await fabric.routes.attach(route, 60_000);
    await fabric.streams.consume("g", ({ payload }) => {
      for (const { conversationId, seq } of fromBinary(DeliverySchema, payload).entries)
        pushed.push([conversationId, seq]);
    });
    const messages = createClient(MessageService, createPortTransport(pool.client));
    const submit = async (words: readonly string[], firstId = 1n) => {
      const submissions = words.map((said, index) => {
        const clientId = firstId + BigInt(index);
        const target = { case: "conversationId", value: group } as const;
        const upMsg = toBinary(UpMsgSchema, create(UpMsgSchema, { clientId, target, content: text(said) }));
        return { sender: 0, clientId, upMsg };
      });
      return (await messages.submitBatch({ senders: [device], submissions }, { timeoutMs: 10_000 })).outcomes;
    };
    return {
      pool,
      device,
      group,
      pushed,
      messages,
      submit,
      async [Symbol.asyncDispose]() {
        await pool[Symbol.asyncDispose]();
        await fabric[Symbol.asyncDispose]();
      },
    };
  }

  it("store a batch, publish it by the fabric of the main thread, and answer", async () => {
    await using here = await world();
    const { group, pushed, submit } = here;
    assert.deepEqual((await submit(["one", "two"])).map(toSeq), [1n, 2n]);
    assert.deepEqual(await logOf(store.sql, group), ["one", "two"]);
    assert.deepEqual(pushed, [
      [group, 1n],
      [group, 2n],
    ]);
  });

  it("answer what is repeated the same, whichever thread did it before", async () => {
    await using here = await world(2);
    const { group, submit } = here;
    const words = Array.from({ length: 50 }, (_, index) => `word ${index}`);
    const first = await submit(words);
    const again = await Promise.all(Array.from({ length: 8 }, () => submit(words)));
    for (const outcomes of again) assert.deepEqual(outcomes.map(toSeq), first.map(toSeq));
    assert.deepEqual(await logOf(store.sql, group), words);
  });

  it("read pages", async () => {
    await using here = await world();
    const { device, group, messages, submit } = here;
    await submit(["one", "two", "three"]);
    const answer = await messages.sync({ userId: device.userId, conversationId: group, afterSeq: 1n, limit: 1 });
    const page = fromBinary(SyncPageSchema, answer.page);
    assert.deepEqual(
      page.messages.map(({ seq }) => seq),
      [2n],
    );
    assert.deepEqual([page.headSeq, page.hasMore], [3n, true]);
    const heads = await messages.heads({ userId: device.userId, since: 0n, limit: 10 });
    assert.deepEqual(
      heads.page?.heads.map(({ headSeq }) => headSeq),
      [3n],
    );
  });

  it("pack pages for devices that unpack them, and count that", async () => {
    await using here = await world();
    const { device, group, messages, submit, pool } = here;
    await submit(Array.from({ length: 100 }, (_, index) => `word number ${index} of a hundred`));
    const request = { userId: device.userId, conversationId: group };
    const plain = await messages.sync(request);
    const { page } = await messages.sync({ ...request, compression: Compression.DEFLATE });
    const { packed } = fromBinary(SyncPageSchema, page);
    assert.deepEqual(new Uint8Array(inflateRawSync(packed?.bytes ?? "")), plain.page);
    const rendered = await renderMetrics(createMetrics(), await pool.collectMetrics());
    assert.match(rendered, /^tidewire_pages_packed_total\{outcome="packed"\} 1$/m);
  });

  it("answer a failure as any service does", async () => {
    await using here = await world();
    const { device, messages } = here;
    const call = messages.submitBatch({ senders: [device], submissions: [{ sender: 3, clientId: 1n }] });
    await assert.rejects(call, (error) => error instanceof ConnectError && error.code === Code.InvalidArgument);
  });

  it("are not waited for longer than the caller wants to wait", async () => {
    await using here = await world();
    const { group, submit, messages, device } = here;
    await submit(["one"]);
    await store.sql.begin(async (tx) => {
      await tx`select from conversation where conversation_id = ${group} for update`;
      const target = { case: "conversationId", value: group } as const;
      const upMsg = toBinary(UpMsgSchema, create(UpMsgSchema, { clientId: 2n, target, content: text("two") }));
      const held = messages.submitBatch(
        { senders: [device], submissions: [{ sender: 0, clientId: 2n, upMsg }] },
        { timeoutMs: 50 },
      );
      await assert.rejects(held, (error) => error instanceof ConnectError && error.code === Code.DeadlineExceeded);
    });
  });

  it("count what they do in the metrics of the process", async () => {
    await using here = await world(2);
    await here.submit(["one", "two", "three"]);
    const rendered = await renderMetrics(createMetrics(), await here.pool.collectMetrics());
    assert.match(rendered, /^tidewire_messages_total\{outcome="stored"\} 3$/m);
    assert.match(rendered, /^tidewire_rpc_seconds_count\{method="SubmitBatch",code="ok"\} 1$/m);
  });

  it("are replaced when they end, and what they had under way is not known to be done", async () => {
    await using here = await world();
    const { group, submit } = here;
    await submit(["one"]);
    // Its node id is taken over, as by another process after a pause: it has to end, and does so at its next renewal.
    await store.sql`update node_lease set owner = gen_random_uuid() where node_id <> ${store.nodeLease.nodeId}`;
    let unavailable = 0;
    const deadlineMs = systemClock.monotonicMs() + 20_000;
    for (let clientId = 2n; unavailable === 0; ) {
      await submit([`number ${clientId}`], clientId).then(
        () => clientId++,
        (error) => {
          assert.equal(ConnectError.from(error).code, Code.Unavailable);
          unavailable++;
        },
      );
      assert.ok(systemClock.monotonicMs() < deadlineMs, "the thread has not ended");
    }
    const before = await logOf(store.sql, group);
    const next = BigInt(before.length) + 1n;
    assert.deepEqual((await submit(["after"], next)).map(toSeq), [next]);
    assert.deepEqual(await logOf(store.sql, group), [...before, "after"]);
  });

  it("do not start without their database, and say why", async () => {
    await using fabric = createMemoryFabric({ clock: systemClock });
    const settings = {
      databaseUrl: "postgres://nobody@127.0.0.1:1/none",
      allowUnsafeDatabase: false,
      limits: defaultLimits,
      log: { level: "silent", format: "json" },
    } as const;
    await assert.rejects(
      startThreadPool({ threads: 1, settings, fabric, log: silentLogger }),
      /thread of the services did not start.*127\.0\.0\.1:1/,
    );
  });
});

function toSeq({ result }: Outcome): bigint | undefined {
  return result.case === "stored" ? result.value.seq : undefined;
}
