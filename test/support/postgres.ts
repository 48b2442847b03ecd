import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, chown, mkdtemp, readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { findPostgresBinaries } from "./postgres-binaries.js";

const run = promisify(execFile);

/** How a server stops: `fast` as an operator would, `immediate` as a crash, with recovery at the next start. */
export type StopMode = "fast" | "immediate";

/** A real PostgreSQL server on a free loopback port, with a data directory of its own. */
export interface TestPostgres extends AsyncDisposable {
  /** Creates an empty database with a name of its own and returns its URL, which stays the same across restarts. */
  createDatabase(): Promise<string>;
  /** Runs SQL as superuser through psql and returns its output, without headers, columns separated by `|`. */
  query(database: string, sql: string): Promise<string>;
  /** Starts the server on its port; returns when it accepts connections. */
  start(): Promise<void>;
  /** Stops it; returns when it is gone. Its port refuses connections until `start`. */
  stop(mode: StopMode): Promise<void>;
  /** `stop`, then `start`. */
  restart(mode: StopMode): Promise<void>;
}

/** Small, but as durable as in production. */
const defaultSettings: Record<string, string> = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  max_connections: "100",
  shared_buffers: "32MB",
  min_wal_size: "32MB",
  max_wal_size: "256MB",
  fsync: "on",
  full_page_writes: "on",
  synchronous_commit: "on",
  autovacuum_naptime: "10s",
};

let shared: Promise<TestPostgres> | undefined;

/**
 * The one server of this test process, started at first use. A server for each process and not for each run: an open
 * transaction of one database holds back `pg_snapshot_xmin` in all of them.
 */
export function sharedPostgres(): Promise<TestPostgres> {
  shared ??= startPostgres();
  return shared;
}

/**
 * Starts another server, for a test that stops it or changes its `settings` (postgresql.conf). It ends with its disposal
 * or with this process, however that dies.
 * @throws Error that says what to install if there is no PostgreSQL.
 */
export async function startPostgres(settings: Record<string, string> = {}): Promise<TestPostgres> {
  const bin = findPostgresBinaries();
  if (!bin) throw new Error("PostgreSQL is not installed: `apt-get install postgresql`, or `brew install postgresql`");
  const user = await serverUser();
  const home = await mkdtemp(join(tmpdir(), "tidewire-pg-"));
  await chmod(home, 0o700);
  if (user) await chown(home, user.uid, user.gid);
  const guard = guardServer(bin, home, user);
  const data = join(home, "data");
  const asUser = { ...user, cwd: "/" };
  await run(
    join(bin, "initdb"),
    ["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "-N"],
    asUser,
  );

  let port = 0;
  let databases = 0;
  const start = async (onPort: number) => {
    const options = Object.entries({ ...defaultSettings, ...settings, port: String(onPort) });
    const flags = options.map(([name, value]) => `-c ${name}='${value}'`).join(" ");
    const log = join(home, "log");
    await run(join(bin, "pg_ctl"), ["start", "-w", "-t", "60", "-D", data, "-l", log, "-o", flags], asUser).catch(
      async () => {
        throw new Error(`PostgreSQL does not start: ${await readFile(log, "utf8").catch(String)}`);
      },
    );
    port = onPort;
  };
  const query = async (database: string, sql: string) => {
    const where = ["-h", "127.0.0.1", "-p", String(port), "-U", "postgres", "-d", database];
    const { stdout } = await run(join(bin, "psql"), ["-XAtq", "-v", "ON_ERROR_STOP=1", ...where, "-c", sql]);
    return stdout.trimEnd();
  };

  await startOnFreePort(start);
  const server: TestPostgres = {
    query,
    async createDatabase() {
      const name = `test_${++databases}`;
      await query("postgres", `create database ${name}`);
      return `postgres://postgres@127.0.0.1:${port}/${name}`;
    },
    start: () => start(port),
    async stop(mode) {
      await run(join(bin, "pg_ctl"), ["stop", "-w", "-m", mode, "-D", data], asUser);
    },
    async restart(mode) {
      await server.stop(mode);
      await server.start();
    },
    async [Symbol.asyncDispose]() {
      if (guard.exitCode !== null) return;
      const gone = once(guard, "exit");
      guard.ref();
      guard.stdin?.end();
      await gone;
    },
  };
  return server;
}

type User = { uid: number; gid: number };

/** PostgreSQL refuses to run as root; then it runs as the user that Debian's package creates. */
async function serverUser(): Promise<User | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const entry = (await readFile("/etc/passwd", "utf8")).split("\n").find((line) => line.startsWith("postgres:"));
  const [, , uid, gid] = entry?.split(":") ?? [];
  if (uid === undefined || gid === undefined)
    throw new Error("PostgreSQL does not run as root and there is no user named postgres: `useradd --system postgres`");
  return { uid: Number(uid), gid: Number(gid) };
}

/** Stops the server and removes its files as soon as its standard input ends, which even a SIGKILL of this process brings about. */
function guardServer(bin: string, home: string, user: User | undefined): ChildProcess {
  const script = `cat > /dev/null; "$0" stop -w -m immediate -D "$1/data" > /dev/null 2>&1; rm -rf "$1"`;
  const guard = spawn("/bin/sh", ["-c", script, join(bin, "pg_ctl"), home], {
    ...user,
    cwd: "/",
    detached: true, // Ctrl-C in a terminal must not end the guard before it has done its work
    stdio: ["pipe", "ignore", "ignore"],
  });
  guard.unref();
  return guard;
}

/** Somebody else may take a port between its choice and its use. */
async function startOnFreePort(start: (port: number) => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start(await freePort());
    } catch (thrown) {
      if (attempt === 3) throw thrown;
    }
  }
}

/** A loopback port that nobody listens on at the moment. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  const closed = once(probe, "close");
  probe.close();
  await closed;
  if (address === null || typeof address === "string") throw new Error("a TCP server has no port");
  return address.port;
}
