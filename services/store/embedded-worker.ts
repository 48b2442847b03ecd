import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import { PGlite } from "@electric-sql/pglite";
import { PGLiteSocketServer } from "@electric-sql/pglite-socket";

/** What the worker is started with. */
export type EmbeddedCommand = Readonly<{ dataDirectory: string; socket: string }>;

/** What the worker says once it has started, or could not. Any message to it asks it to stop. */
export type EmbeddedReport = { kind: "ready" } | { kind: "failed"; reason: string };

/** The store uses one; the rest is for an operator's `psql` and for backups. */
const connectionsMax = 16;

async function run(port: NonNullable<typeof parentPort>, { dataDirectory, socket }: EmbeddedCommand): Promise<void> {
  if (!existsSync(dataDirectory)) await createDatabase(dataDirectory);
  const db = await PGlite.create(dataDirectory);
  endOnFailure(db);
  const server = new PGLiteSocketServer({ db, path: socket, maxConnections: connectionsMax });
  await server.start();
  port.postMessage({ kind: "ready" } satisfies EmbeddedReport);
  port.once("message", () => void stop(server, db));
}

/** Creates a database beside its place and moves it there when it is complete: being killed meanwhile leaves nothing half done. */
async function createDatabase(dataDirectory: string): Promise<void> {
  const draft = `${dataDirectory}.new`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { recursive: true, mode: 0o700 });
  const db = await PGlite.create(draft);
  await db.close();
  makePrivate(draft);
  renameSync(draft, dataDirectory);
}

/**
 * A statement that fails is answered like any other. What is thrown here is a failure of the engine, after which its socket
 * server would never answer anybody again: better to end, and to recover at the next start.
 */
function endOnFailure(db: PGlite): void {
  const execute = db.execProtocolRawStream.bind(db);
  db.execProtocolRawStream = async (...call) => {
    try {
      await execute(...call);
    } catch {
      process.exit(1);
    }
  };
}

/** The first files come out of an archive, which ignores the umask. */
function makePrivate(directory: string): void {
  chmodSync(directory, 0o700);
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) makePrivate(path);
    else chmodSync(path, 0o600);
  }
}

async function stop(server: PGLiteSocketServer, db: PGlite): Promise<void> {
  await server.stop();
  await db.close(); // writes a checkpoint, so that the next start need not recover
  process.exit(0);
}

if (parentPort !== null) {
  const port = parentPort;
  run(port, workerData as EmbeddedCommand).catch((thrown: unknown) => {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    port.postMessage({ kind: "failed", reason } satisfies EmbeddedReport);
  });
}
