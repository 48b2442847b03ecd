import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { sharedPostgres, startPostgres } from "../support/postgres.js";

const nameOf = (url: string) => new URL(url).pathname.slice(1);

describe("PostgreSQL harness", () => {
  it("runs a server as durable as in production", async () => {
    const server = await sharedPostgres();
    const settings = ["fsync", "full_page_writes", "synchronous_commit"].map((name) => `current_setting('${name}')`);
    assert.equal(await server.query("postgres", `select ${settings.join()}`), "on|on|on");
  });

  it("gives each caller an empty database of its own", async () => {
    const server = await sharedPostgres();
    const [one, two] = [await server.createDatabase(), await server.createDatabase()];
    assert.notEqual(one, two);
    await server.query(nameOf(one), "create table t (x int)");
    assert.equal(await server.query(nameOf(two), "select count(*) from pg_class where relname = 't'"), "0");
  });

  it("keeps what was committed across an immediate stop, at the same URL", async () => {
    await using server = await startPostgres();
    const database = nameOf(await server.createDatabase());
    await server.query(database, "create table t (x int); insert into t values (7)");
    await server.stop("immediate");
    await assert.rejects(server.query(database, "select 1"));
    await server.start();
    assert.equal(await server.query(database, "select x from t"), "7");
  });

  it("shares one server within a process", async () => {
    assert.equal(await sharedPostgres(), await sharedPostgres());
  });
});
