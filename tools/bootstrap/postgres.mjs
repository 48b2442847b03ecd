import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { canInstall, install } from "./apt.mjs";
import { fail, root } from "./shell.mjs";

const clusterConfig = "/etc/postgresql-common/createcluster.conf";

/** Tests need PostgreSQL's programs, not a running server: they start their own. Installs them where that is our business. */
export async function ensurePostgres() {
  const harness = pathToFileURL(join(root, "dist/test/support/postgres-binaries.js")).href;
  const { findPostgresBinaries } = await import(harness);
  if (findPostgresBinaries() !== undefined) return;
  if (!canInstall()) {
    fail(`The tests need PostgreSQL 14 or later (its programs initdb and pg_ctl; no running server). Install it:
  Debian, Ubuntu   sudo apt-get install postgresql
  Fedora           sudo dnf install postgresql-server
  macOS            brew install postgresql@16, and put its bin folder on the PATH`);
  }
  forbidCluster();
  const { code, output } = await install("postgresql");
  if (code !== 0 || findPostgresBinaries() === undefined)
    fail(`${output}\napt-get could not install postgresql (${code}).`);
}

/** Debian's package creates and starts a server of its own unless told not to. */
function forbidCluster() {
  if (existsSync(clusterConfig)) return;
  mkdirSync("/etc/postgresql-common", { recursive: true });
  writeFileSync(clusterConfig, "create_main_cluster = false\n");
}
