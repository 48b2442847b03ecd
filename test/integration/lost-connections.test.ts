import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { connect, inTransaction, type Queryable, type Sql, type Transaction } from "../../services/store/sql.js";
import { failsWith } from "../support/errors.js";
import { sharedPostgres, type TestPostgres } from "../support/postgres.js";

/** An operator, a failover or a timeout ends the connection in the middle of a transaction. */
describe("a transaction whose connection is lost", () => {
  let postgres: TestPostgres;
  let url: string;
  before(async () => {
    postgres = await sharedPostgres();
    url = await postgres.createDatabase();
  });

  const ways: [string, (tx: Transaction) => Promise<unknown>][] = [
    ["by its own doing", (tx) => tx`select pg_terminate_backend(pg_backend_pid())`],
    [
      "in the middle of a statement",
      async (tx) => {
        const pid = await pidOf(tx);
        await Promise.all([tx`select pg_sleep(2)`, postgres.query("postgres", `select pg_terminate_backend(${pid})`)]);
      },
    ],
  ];
  for (const [way, work] of ways) {
    it(`fails as unavailable, and takes nobody along, ${way}`, async () => {
      const sql = connect({ kind: "server", url }, { max: 1 });
      await assert.rejects(inTransaction(sql, work), failsWith(ErrorCode.UNAVAILABLE));
      await assertUnharmed(sql);
      await sql.end();
    });
  }

  it("differs from one of which only a statement fails, which is rolled back", async () => {
    const sql = connect({ kind: "server", url }, { max: 1 });
    const work = inTransaction(sql, async (tx) => {
      await tx`create table never (id int)`;
      await tx`select 1 / 0`;
    });
    await assert.rejects(work, failsWith(ErrorCode.INTERNAL));
    const [row] = await sql<{ there: string | null }[]>`select to_regclass('never')::text as there`;
    assert.equal(row?.there, null);
    await sql.end();
  });
});

async function pidOf(tx: Queryable): Promise<number> {
  const [row] = await tx<{ pid: number }[]>`select pg_backend_pid() as pid`;
  return row?.pid ?? 0;
}

async function assertUnharmed(sql: Sql): Promise<void> {
  // What the driver does too late, it does in one of the next turns.
  for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  // The first one after it may still get the old connection's error, as one that may pass.
  const retried = inTransaction(sql, pidOf).catch((thrown: unknown) => {
    assert.ok(failsWith(ErrorCode.UNAVAILABLE)(thrown));
    return inTransaction(sql, pidOf);
  });
  assert.ok((await retried) > 0);
}
