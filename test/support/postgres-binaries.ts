import { existsSync, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";

const debianRoot = "/usr/lib/postgresql";

/**
 * The directory with `initdb` and `pg_ctl`: the newest of Debian's, which are not on the PATH, or else the first on the
 * PATH. Undefined if PostgreSQL is not installed.
 */
export function findPostgresBinaries(): string | undefined {
  const debian = existsSync(debianRoot)
    ? readdirSync(debianRoot)
        .sort((a, b) => Number(b) - Number(a))
        .map((version) => join(debianRoot, version, "bin"))
    : [];
  const onPath = (process.env.PATH ?? "").split(delimiter).filter((directory) => directory !== "");
  return [...debian, ...onPath].find((directory) => existsSync(join(directory, "initdb")));
}
