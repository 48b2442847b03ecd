import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore, type Store } from "../../../services/store/store.js";
import { startPostgres, type TestPostgres } from "../../../test/support/postgres.js";
import type { Engine } from "../scenario.js";
import { cpuMsOf } from "./processes.js";

/** The database under test, empty at first, with a data directory for the server. Its disposal deletes both. */
export interface BenchDatabase extends AsyncDisposable {
  readonly engine: Engine;
  /** Settings that make a server use it. */
  readonly env: Record<string, string>;
  /** Opens it directly. Not while a server runs on it: the embedded one belongs to one process at a time. */
  open(): Promise<Store>;
  /**
   * Starts to measure the processor time of the database's own processes; the returned function says what they used since
   * then, in milliseconds, or undefined if there are none or the system does not tell.
   */
  watchCpu(): Promise<() => Promise<number | undefined>>;
}

/** @throws Error that says what to install if there is no PostgreSQL. */
export async function createDatabase(engine: Engine): Promise<BenchDatabase> {
  const directory = await mkdtemp(join(tmpdir(), "tidewire-bench-"));
  const removeDirectory = () => rm(directory, { recursive: true, force: true });
  try {
    return engine === "embedded" ? embedded(directory, removeDirectory) : await postgresql(directory, removeDirectory);
  } catch (error) {
    await removeDirectory();
    throw error;
  }
}

function embedded(directory: string, removeDirectory: () => Promise<void>): BenchDatabase {
  return {
    engine: "embedded",
    env: { TIDEWIRE_DATA_DIR: directory },
    open: () => openStore({ database: { kind: "embedded", directory } }),
    watchCpu: async () => async () => undefined, // it is a thread of the server
    [Symbol.asyncDispose]: removeDirectory,
  };
}

/** As durable as in production: fsync, full_page_writes and synchronous_commit are on, or the server would not start. */
async function postgresql(directory: string, removeDirectory: () => Promise<void>): Promise<BenchDatabase> {
  const server = await startPostgres();
  const url = await server.createDatabase();
  return {
    engine: "postgresql",
    env: { TIDEWIRE_DATA_DIR: directory, TIDEWIRE_DATABASE_URL: url },
    open: () => openStore({ database: { kind: "server", url } }),
    async watchCpu() {
      const before = await readCpu(server);
      return async () => {
        const after = await readCpu(server);
        const used = [...after].map(([pid, ms]) => (ms === undefined ? undefined : ms - (before.get(pid) ?? 0)));
        return used.reduce((sum, ms) => (sum === undefined || ms === undefined ? undefined : sum + ms), 0);
      };
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await removeDirectory();
    },
  };
}

/** Of each process of the server, by its id: workers come and go. */
async function readCpu(server: TestPostgres): Promise<Map<number, number | undefined>> {
  const pids = await server.query("postgres", "select pid from pg_stat_activity where pid <> pg_backend_pid()");
  return new Map(pids.split("\n").map((pid) => [Number(pid), cpuMsOf(Number(pid))]));
}
