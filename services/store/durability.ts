import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { TidewireError } from "../../runtime/error.js";
import type { Sql } from "./sql.js";
import type { StoreLog } from "./store-log.js";

/** Settings without which a committed transaction may be lost when the server's host loses power. */
const required = ["fsync", "full_page_writes", "synchronous_commit"] as const;

/**
 * Makes sure that what the database has committed survives, as far as the database itself can tell.
 * @throws TidewireError `FORBIDDEN` if a PostgreSQL server has one of the settings off and that is not allowed.
 */
export async function checkDurability(
  sql: Sql,
  options: { engine: "postgresql" | "embedded"; allowUnsafe: boolean; log: StoreLog },
): Promise<void> {
  if (options.engine === "embedded") {
    options.log.info({}, "embedded database: safe against a killed process, not against power loss");
    return;
  }
  const off = await settingsThatAreOff(sql);
  if (off.length === 0) return;
  if (!options.allowUnsafe) throw new TidewireError(ErrorCode.FORBIDDEN, refusal(off));
  options.log.warn({ settings: off }, "the database may lose what it has committed");
}

async function settingsThatAreOff(sql: Sql): Promise<string[]> {
  const rows = await sql<{ name: string }[]>`
    select name from pg_settings where name in ${sql(required)} and setting = 'off' order by name`;
  return rows.map((row) => row.name);
}

function refusal(off: string[]): string {
  const settings = off.join(", ");
  return (
    `the database may lose acknowledged messages: off are ${settings}. ` +
    "Turn them on in postgresql.conf, or set TIDEWIRE_ALLOW_UNSAFE_DATABASE=true for a test."
  );
}
