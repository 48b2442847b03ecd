import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { silentLogger } from "../../runtime/log.js";
import { migrate } from "../../services/store/migrate.js";
import { migrations } from "../../services/store/migrations/all.js";
import { leaseNode } from "../../services/store/node-lease.js";
import { connect, type Sql } from "../../services/store/sql.js";
import { bigints, inTransaction, openStore, texts, toTidewireError } from "../../services/store/store.js";
import { createManualClock } from "../support/clock.js";
import { sharedPostgres, startPostgres } from "../support/postgres.js";

const newest = migrations.at(-1)?.version ?? 0;

describe("opening a store on PostgreSQL", () => {
  let url: string;
  let sql: Sql;

  before(async () => {
    url = await (await sharedPostgres()).createDatabase();
    sql = connect({ kind: "server", url }, { max: 4 });
  });
  after(async () => {
    await sql.end({ timeout: 1 });
  });

  it("migrates an empty database once, though several processes start at the same time", async () => {
    const database = { kind: "server", url } as const;
    const stores = await Promise.all(Array.from({ length: 4 }, () => openStore({ database })));
    assert.equal(new Set(stores.map((store) => store.storeId)).size, 1);
    assert.equal(new Set(stores.map((store) => store.nodeLease.nodeId)).size, 4);
    for (const store of stores) await store[Symbol.asyncDispose]();
    const rows = await sql<{ version: number }[]>`select version from schema_migration order by version`;
    assert.deepEqual(
      rows.map((row) => row.version),
      migrations.map((migration) => migration.version),
    );
  });

  it("leaves a failing migration out altogether, and runs it when it is mended", async () => {
    const broken = { version: newest + 1, name: "broken", sql: "create table half (a int); select 1 / 0" };
    await assert.rejects(migrate(sql, silentLogger, [...migrations, broken]), /division by zero/);
    assert.deepEqual([...(await sql`select to_regclass('half') as half`)], [{ half: null }]);
    await migrate(sql, silentLogger, [...migrations, { ...broken, sql: "create table half (a int)" }]);
    await sql`drop table half`;
    await sql`delete from schema_migration where version > ${newest}`;
  });

  it("refuses a schema that is newer than the program, telling both versions", async () => {
    await sql`insert into schema_migration (version, name) values (${newest + 5}, 'from the future')`;
    await assert.rejects(openStore({ database: { kind: "server", url } }), {
      code: ErrorCode.UNSUPPORTED,
      message: new RegExp(`version ${newest + 5}, but this program knows only up to ${newest}`),
    });
    await sql`delete from schema_migration where version > ${newest}`;
  });

  it("says what is wrong with a server that cannot be reached, without the password", async () => {
    const unknown = `postgres://postgres:hush@${new URL(url).host}/nowhere`;
    const refused = "postgres://postgres:hush@127.0.0.1:1/test";
    for (const [address, code, reason] of [
      [unknown, ErrorCode.INTERNAL, /nowhere.*does not exist.*TIDEWIRE_DATABASE_URL/],
      [refused, ErrorCode.UNAVAILABLE, /127\.0\.0\.1:1\/test.*ECONNREFUSED.*Is it running/],
    ] as const) {
      await assert.rejects(
        openStore({ database: { kind: "server", url: address } }),
        (thrown: Error & { code?: number }) => {
          assert.equal(thrown.code, code);
          assert.match(thrown.message, reason);
          assert.doesNotMatch(thrown.message, /hush/);
          return true;
        },
      );
    }
  });

  it("gives up on a lock after a second, on a statement and on an idle transaction after three", async () => {
    const [row] = await sql`
      select current_setting('lock_timeout') as lock, current_setting('statement_timeout') as statement,
        current_setting('idle_in_transaction_session_timeout') as idle,
        current_setting('default_transaction_isolation') as isolation`;
    assert.deepEqual({ ...row }, { lock: "1s", statement: "3s", idle: "3s", isolation: "read committed" });
  });

  it("passes ids and texts as they are", async () => {
    const ids = [0n, 1n, -1n, 0x7fff_ffff_ffff_ffffn];
    const words = ["", "a,b", '"quoted"', "back\\slash", "{}", "null", "ü ✓"];
    const [row] = await sql<{ ids: string; words: string[] }[]>`
      select array_to_string(${bigints(ids)}::bigint[], ' ') as ids, to_json(${texts(words)}::text[]) as words`;
    assert.deepEqual({ ...row }, { ids: ids.join(" "), words });
  });

  it("translates what goes wrong in a transaction, and rolls it back", async () => {
    const boom = inTransaction(sql, async (tx) => {
      await tx`create table gone (a int)`;
      await tx`select 1 / 0`;
    });
    await assert.rejects(boom, { code: ErrorCode.INTERNAL });
    assert.deepEqual([...(await sql`select to_regclass('gone') as gone`)], [{ gone: null }]);
  });

  it("leases node ids that no other process has, and renews them", async () => {
    const clock = createManualClock();
    const first = await leaseNode(sql, { clock, log: silentLogger });
    const second = await leaseNode(sql, { clock, log: silentLogger });
    assert.notEqual(first.nodeId, second.nodeId);
    const deadline = first.deadlineMonotonicMs();
    assert.ok(deadline > 0 && deadline < 30_000);
    clock.advance(10_000);
    await first[Symbol.asyncDispose]();
    await second[Symbol.asyncDispose]();
    assert.equal(clock.pending, 0);
    assert.equal(first.deadlineMonotonicMs(), Number.NEGATIVE_INFINITY);
  });

  it("moves the deadline on with each renewal", async () => {
    const clock = createManualClock();
    await using lease = await leaseNode(sql, { clock, log: silentLogger });
    const deadline = lease.deadlineMonotonicMs();
    clock.advance(10_000);
    while (clock.pending === 0) await sql`select 1`; // the renewal is on its way
    assert.equal(lease.deadlineMonotonicMs(), deadline + 10_000);
  });

  it("reports a node id that another process has taken over, and mints no more ids with it", async () => {
    const clock = createManualClock();
    await using lease = await leaseNode(sql, { clock, log: silentLogger });
    await sql`update node_lease set owner = gen_random_uuid() where node_id = ${lease.nodeId}`;
    clock.advance(10_000);
    while (!lease.lost.aborted) await sql`select 1`;
    assert.equal(lease.deadlineMonotonicMs(), Number.NEGATIVE_INFINITY);
    assert.equal(clock.pending, 0);
  });

  it("leases no node id when all are taken", async () => {
    await sql`
      insert into node_lease (node_id, owner, expires_at)
      select id, gen_random_uuid(), now() + interval '1 hour' from generate_series(0, 1023) as id
      on conflict (node_id) do update set expires_at = excluded.expires_at`;
    const clock = createManualClock();
    await assert.rejects(leaseNode(sql, { clock, log: silentLogger }), { code: ErrorCode.BUSY });
    assert.equal(clock.pending, 0);
    await sql`update node_lease set expires_at = now() - interval '1 minute' where node_id = 77`;
    await using lease = await leaseNode(sql, { clock, log: silentLogger });
    assert.equal(lease.nodeId, 77);
    await sql`delete from node_lease where node_id <> 77`;
  });
});

describe("a PostgreSQL server that comes and goes", () => {
  it("fails soon as unavailable while it is down, and works again by itself", async () => {
    await using server = await startPostgres();
    const url = await server.createDatabase();
    await using store = await openStore({ database: { kind: "server", url } });
    await Promise.all(Array.from({ length: 8 }, () => store.sql`select 1`));
    await server.stop("immediate");
    for (let attempt = 0; attempt < 12; attempt += 1) {
      const startedMs = performance.now();
      const failure = await store.sql`select 1`.then(() => undefined, toTidewireError);
      assert.equal(failure?.code, ErrorCode.UNAVAILABLE);
      assert.ok(performance.now() - startedMs < 3_000);
    }
    await server.start();
    let works = false;
    for (let attempt = 0; attempt < 20 && !works; attempt += 1)
      works = await store.sql`select 1`.then(
        () => true,
        () => false,
      );
    assert.equal(works, true);
  });

  it("is refused if it may lose what it has committed, unless that is allowed", async () => {
    await using server = await startPostgres({ fsync: "off", synchronous_commit: "off" });
    const database = { kind: "server", url: await server.createDatabase() } as const;
    await assert.rejects(openStore({ database }), {
      code: ErrorCode.FORBIDDEN,
      message: /off are fsync, synchronous_commit\..*TIDEWIRE_ALLOW_UNSAFE_DATABASE/,
    });
    const warnings: object[] = [];
    const log = { info() {}, error() {}, warn: (fields: object) => void warnings.push(fields) };
    await using store = await openStore({ database, allowUnsafeDatabase: true, log });
    assert.equal(store.engine, "postgresql");
    assert.deepEqual(warnings, [{ settings: ["fsync", "synchronous_commit"] }]);
  });
});
