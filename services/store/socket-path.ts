import { join } from "node:path";

/** Where libpq, and so `psql -h <directory>`, looks for a server's socket. */
export function socketPath(directory: string): string {
  return join(directory, ".s.PGSQL.5432");
}
