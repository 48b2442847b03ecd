import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { type Clock, systemClock } from "../../runtime/clock.js";
import { TidewireError } from "../../runtime/error.js";
import { silentLogger } from "../../runtime/log.js";
import { checkDurability } from "./durability.js";
import { openEmbedded } from "./embedded.js";
import { migrate } from "./migrate.js";
import { leaseNode, type NodeLease } from "./node-lease.js";
import { type Address, connect, type Sql } from "./sql.js";
import { toTidewireError } from "./store-error.js";
import type { StoreLog } from "./store-log.js";

export { bigints, inTransaction, type Queryable, type Sql, type Transaction, texts } from "./sql.js";
export { isTransient, toTidewireError } from "./store-error.js";

/** The truth: everything that an ACK has promised is in here. */
export interface Store extends AsyncDisposable {
  readonly sql: Sql;
  /**
   * For nothing but appending messages. The driver takes turns among all connections of a pool, and a backend of PostgreSQL that has
   * not worked for a while works slower; these are few, and always in use. The embedded database has one connection for everything.
   */
  readonly appends: Sql;
  /** Renewed after any restore: devices that knew another one start over. */
  readonly storeId: string;
  readonly engine: "postgresql" | "embedded";
  /** The node id under which this process mints Snowflake ids. */
  readonly nodeLease: NodeLease;
  /** Aborted when the store cannot mend itself: its node id was taken over, or the embedded database died. Start anew. */
  readonly lost: AbortSignal;
}

export type StoreOptions = Readonly<{
  /** A PostgreSQL server, or a directory of our own for an embedded database. */
  database: { kind: "server"; url: string } | { kind: "embedded"; directory: string };
  /** Most connections to a PostgreSQL server, from 2 on. Default 8. The embedded database always has one. */
  connectionsMax?: number;
  /** Most connections besides these that append messages. Default 2. */
  appendConnectionsMax?: number;
  /** Accept a PostgreSQL server that may lose what it has committed. Default false. */
  allowUnsafeDatabase?: boolean;
  clock?: Clock;
  log?: StoreLog;
}>;

/**
 * Opens the store: starts the embedded database if there is one, refuses an unsafe server, brings the schema up to date, and
 * leases a node id. Disposing of it gives the lease back, closes all connections and stops the embedded database.
 * @throws TidewireError `UNAVAILABLE` if the database is down or its directory is in use; `UNSUPPORTED` if its schema is newer
 * than this program; `FORBIDDEN` if it is unsafe or its directory cannot be written. The message says what to do.
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { clock = systemClock, log = silentLogger } = options;
  const opened: AsyncDisposable[] = [];
  try {
    const { sql, appends, died } = await openPools(options, opened, log);
    await checkDurability(sql, { engine: engineOf(options), allowUnsafe: options.allowUnsafeDatabase ?? false, log });
    await migrate(sql, log);
    const nodeLease = await leaseNode(sql, { clock, log });
    opened.push(nodeLease);
    const storeId = await readStoreId(sql);
    const lost = AbortSignal.any([nodeLease.lost, ...died]);
    const engine = engineOf(options);
    return { sql, appends, storeId, engine, nodeLease, lost, [Symbol.asyncDispose]: () => closeAll(opened) };
  } catch (thrown) {
    await closeAll(opened);
    throw toOpeningError(thrown, options);
  }
}

function engineOf(options: StoreOptions): Store["engine"] {
  return options.database.kind === "server" ? "postgresql" : "embedded";
}

async function openPools(
  { database, connectionsMax = 8, appendConnectionsMax = 2 }: StoreOptions,
  opened: AsyncDisposable[],
  log: StoreLog,
): Promise<{ sql: Sql; appends: Sql; died: AbortSignal[] }> {
  if (database.kind === "server") {
    const sql = pool(database, connectionsMax, opened);
    return { sql, appends: pool(database, appendConnectionsMax, opened), died: [] };
  }
  const embedded = await openEmbedded(database.directory, log);
  opened.push(embedded);
  // One connection, because one transaction at a time is all that the embedded database can do: the driver's queue is
  // fairer than its socket server's, and statements of two connections never mix in its one session.
  const sql = pool({ kind: "socket", directory: embedded.socketDirectory }, 1, opened);
  return { sql, appends: sql, died: [embedded.died] };
}

function pool(address: Address, max: number, opened: AsyncDisposable[]): Sql {
  const sql = connect(address, { max });
  opened.push({ [Symbol.asyncDispose]: () => sql.end({ timeout: 5 }) });
  return sql;
}

/** In reverse order of opening, all of them, whatever fails. */
async function closeAll(opened: AsyncDisposable[]): Promise<void> {
  for (const part of opened.splice(0).reverse()) await part[Symbol.asyncDispose]();
}

async function readStoreId(sql: Sql): Promise<string> {
  const [identity] = await sql<{ store_id: string }[]>`select store_id::text from store_identity`;
  if (identity === undefined) throw new TidewireError(ErrorCode.INTERNAL, "the table store_identity is empty");
  return identity.store_id;
}

/** What went wrong at the start, in words for whoever started it. Never shows the password of the URL. */
function toOpeningError(thrown: unknown, { database }: StoreOptions): TidewireError {
  if (thrown instanceof TidewireError) return thrown;
  const { code } = toTidewireError(thrown);
  const reason = thrown instanceof Error ? thrown.message : String(thrown);
  const place = database.kind === "server" ? placeOf(database.url) : database.directory;
  const advice = database.kind === "server" ? "Is it running, and is TIDEWIRE_DATABASE_URL right?" : "";
  return new TidewireError(code, `cannot open the database at ${place}: ${reason}. ${advice}`.trimEnd(), {
    cause: thrown,
  });
}

function placeOf(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  return parsed === undefined ? "(not a URL)" : `${parsed.host}${parsed.pathname}`;
}
