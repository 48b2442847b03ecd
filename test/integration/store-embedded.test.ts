import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, it } from "node:test";
import { setImmediate } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { lockDirectory } from "../../services/store/directory-lock.js";
import { connect } from "../../services/store/sql.js";
import { inTransaction, openStore, type Store } from "../../services/store/store.js";
import { createEmbeddedDirectory } from "../support/store.js";
import { createZombie } from "../support/zombie.js";

const writer = fileURLToPath(new URL("../support/embedded-writer.js", import.meta.url));
const open = (directory: string): Promise<Store> => openStore({ database: { kind: "embedded", directory } });

/** Starts a process that writes, kills it in the middle of it, and returns the last number that it has seen committed. */
async function writeUntilKilled(directory: string, writes: number): Promise<bigint> {
  const child = spawn(process.execPath, [writer, directory], { stdio: ["ignore", "pipe", "inherit"] });
  const gone = once(child, "exit");
  let last = 0n;
  let seen = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    last = BigInt(line);
    seen += 1;
    if (seen === writes) child.kill("SIGKILL");
  }
  await gone;
  assert.ok(seen >= writes, `the writer ended by itself after ${seen} writes`);
  return last;
}

describe("the embedded store", () => {
  let parent: string;
  let directory: string;

  before(async () => {
    parent = await mkdtemp(join(tmpdir(), "tidewire-embedded-"));
    directory = join(parent, "data");
    await rename(await createEmbeddedDirectory(), directory);
  });
  after(async () => {
    await rm(parent, { recursive: true, force: true });
  });

  it("keeps everything that was committed when its process is killed, again and again", async () => {
    for (const writes of [1, 150, 40]) {
      const last = await writeUntilKilled(directory, writes);
      await using store = await open(directory);
      const [row] = await store.sql<{ count: bigint; last: bigint }[]>`select count(*), max(number) as last from note`;
      assert.ok(row !== undefined && row.last >= last, `${row?.last} after ${last} was acknowledged`);
      assert.equal(row.count, row.last);
    }
  });

  it("starts after a process was killed that was just creating it", async () => {
    const interrupted = join(parent, "interrupted");
    const child = spawn(process.execPath, [writer, interrupted], { stdio: ["ignore", "ignore", "inherit"] });
    const gone = once(child, "exit");
    const draft = join(interrupted, "store.new", "base");
    while (!existsSync(draft)) await setImmediate();
    child.kill("SIGKILL");
    await gone;
    await using store = await open(interrupted);
    assert.equal((await store.sql`select 1`).length, 1);
    assert.deepEqual((await readdir(interrupted)).sort(), ["lock", "socket", "store"]);
  });

  it("says that it is lost when its database dies, fails as unavailable, and can still be closed", async () => {
    const store = await open(directory);
    const lost = once(store.lost, "abort");
    const intruder = createConnection(join(directory, "socket", ".s.PGSQL.5432"));
    intruder.on("error", () => {}).write(Buffer.from([0, 0, 0, 8, 0, 3, 0, 0])); // a torn startup message kills the engine
    await lost;
    await assert.rejects(
      inTransaction(store.sql, (tx) => tx`select 1`),
      { code: ErrorCode.UNAVAILABLE },
    );
    await store[Symbol.asyncDispose]();
    await using again = await open(directory);
    assert.equal((await again.sql`select 1`).length, 1);
  });

  it("keeps its identity and its data across a clean stop, and leaves neither lock nor socket behind", async () => {
    const first = await open(directory);
    await first.sql`create table kept (word text)`;
    await first.sql`insert into kept values ('word')`;
    await first[Symbol.asyncDispose]();
    assert.deepEqual((await readdir(directory)).sort(), ["store"]);
    await using second = await open(directory);
    assert.equal(second.storeId, first.storeId);
    assert.deepEqual([...(await second.sql`select word from kept`)], [{ word: "word" }]);
  });

  it("opens to nobody but its user", async () => {
    await using store = await open(directory);
    await store.sql`create table later (number bigint)`;
    for (const entry of ["", "store", "socket"]) {
      assert.equal((await stat(join(directory, entry))).mode & 0o777, 0o700, entry);
    }
    const [file] = await store.sql<{ path: string }[]>`select pg_relation_filepath('later') as path`;
    for (const path of ["lock", "store/PG_VERSION", "store/global/pg_control", `store/${file?.path}`]) {
      assert.equal((await stat(join(directory, path))).mode & 0o077, 0, path);
    }
  });

  it("serves several connections, such as an operator's psql", async () => {
    await using store = await open(directory);
    const address = { kind: "socket", directory: join(directory, "socket") } as const;
    const others = [connect(address, { max: 1 }), connect(address, { max: 1 })];
    const large = "x".repeat(200_000);
    const work = [store.sql, ...others].map(async (sql, who) => {
      for (let turn = 0; turn < 20; turn += 1) {
        const [row] = await sql<{ who: number; turn: number; size: number }[]>`
          select ${who}::integer as who, ${turn}::integer as turn, length(${large}::text) as size`;
        assert.deepEqual({ ...row }, { who, turn, size: 200_000 });
      }
    });
    await Promise.all(work);
    await Promise.all(others.map((sql) => sql.end({ timeout: 1 })));
  });

  it("refuses a directory that another process uses, and names that process", async () => {
    await using store = await open(directory);
    await assert.rejects(open(directory), {
      code: ErrorCode.UNAVAILABLE,
      message: new RegExp(`process ${process.pid}\\.`),
    });
    assert.equal((await store.sql`select 1`).length, 1);
    assert.ok(existsSync(join(directory, "lock")));
  });

  it("takes over a lock whose process is gone, or is another one under the same pid, or is torn", async () => {
    const locks = join(parent, "locks");
    await mkdir(locks);
    const startedAt = (await readFile("/proc/self/stat", "utf8")).split(") ")[1]?.split(" ")[19];
    for (const lock of [
      { pid: 2 ** 22 + 1, startedAt: "1" },
      { pid: process.pid, startedAt: `${startedAt}0` },
    ]) {
      await writeFile(join(locks, "lock"), JSON.stringify(lock));
      await (await lockDirectory(locks))[Symbol.asyncDispose]();
    }
    await writeFile(join(locks, "lock"), '{"pid": 1');
    const racing = await Promise.allSettled([1, 2, 3].map(() => lockDirectory(locks)));
    const held = racing.filter((result) => result.status === "fulfilled");
    assert.equal(held.length, 1);
    for (const { value } of held) await value[Symbol.asyncDispose]();
  });

  it("takes over the lock of a process that was killed, though nobody has waited for it", async () => {
    await using zombie = await createZombie();
    const killed = join(parent, "killed");
    await mkdir(killed);
    await writeFile(join(killed, "lock"), JSON.stringify({ pid: zombie.pid, startedAt: zombie.startedAt }));
    await (await lockDirectory(killed))[Symbol.asyncDispose]();
  });

  it("says what to do about a directory that cannot be written", async () => {
    await writeFile(join(parent, "file"), "");
    await assert.rejects(open(join(parent, "file", "data")), {
      code: ErrorCode.FORBIDDEN,
      message: /file\/data cannot be written \(ENOTDIR\).*TIDEWIRE_DATA_DIR/,
    });
  });

  it("says what to do about a database that does not start, and lets go of the directory", async () => {
    const broken = join(parent, "broken");
    await mkdir(join(broken, "store"), { recursive: true });
    await writeFile(join(broken, "store", "PG_VERSION"), "18\n");
    await assert.rejects(open(broken), { code: ErrorCode.INTERNAL, message: /broken\/store does not start.*backup/s });
    assert.ok(!existsSync(join(broken, "lock")));
  });

  it("finds a short place for its socket when the directory's path is long", async () => {
    const long = join(parent, "x".repeat(100));
    await rename(await createEmbeddedDirectory(), long);
    await using store = await open(long);
    assert.equal((await store.sql`select 1`).length, 1);
    assert.ok(!existsSync(join(long, "socket")));
  });
});
