import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { TidewireError } from "../../runtime/error.js";
import { type Migration, migrations as shipped } from "./migrations/all.js";
import { begin, type Sql, type Transaction } from "./sql.js";
import type { StoreLog } from "./store-log.js";

/** Names the lock under which schemas change: "tide" in ASCII. */
const lockKey = 0x74696465;

/**
 * Brings the schema up to date: what is missing runs in order, each migration in a transaction of its own, and one process at
 * a time. There is no way back.
 * @throws TidewireError `UNSUPPORTED` if the schema is newer than this program; nothing has been changed then.
 */
export async function migrate(sql: Sql, log: StoreLog, migrations: readonly Migration[] = shipped): Promise<void> {
  let applied = 0;
  while (await applyNext(sql, log, migrations)) applied += 1;
  // Statistics of tables that were never analysed lead to plans that stay bad once they are prepared.
  if (applied > 0) await sql.unsafe("analyze");
}

async function applyNext(sql: Sql, log: StoreLog, migrations: readonly Migration[]): Promise<boolean> {
  return begin(sql, async (tx) => {
    const current = await lockAndReadVersion(tx);
    const newest = migrations.at(-1)?.version ?? 0;
    if (current > newest) throw new TidewireError(ErrorCode.UNSUPPORTED, tooNew(current, newest));
    const next = migrations.find((migration) => migration.version > current);
    if (next === undefined) return false;
    await tx.unsafe(next.sql);
    await tx`insert into schema_migration (version, name) values (${next.version}, ${next.name})`;
    log.info({ version: next.version }, "schema migrated");
    return true;
  });
}

async function lockAndReadVersion(tx: Transaction): Promise<number> {
  // Another process may be at it, and a migration may take as long as it needs.
  await tx.unsafe("set local lock_timeout = 0; set local statement_timeout = 0");
  await tx`select pg_advisory_xact_lock(${lockKey})`;
  await tx.unsafe(`
    create table if not exists schema_migration (
      version    integer primary key,
      name       text not null,
      applied_at timestamptz not null default now()
    )`);
  const [row] = await tx<{ version: number }[]>`select coalesce(max(version), 0) as version from schema_migration`;
  return row?.version ?? 0;
}

function tooNew(current: number, newest: number): string {
  return (
    `the database has schema version ${current}, but this program knows only up to ${newest}. ` +
    "Start the program version that was used last, or a newer one."
  );
}
