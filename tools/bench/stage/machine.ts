import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { cpus, loadavg, release, totalmem, type } from "node:os";
import { join } from "node:path";
import { projectRoot } from "../../../test/support/project-root.js";
import { version } from "../../version.js";

/** Where it ran. Numbers of different machines cannot be compared. */
export type Machine = Readonly<{
  cpu: string;
  cores: number;
  memory_bytes: number;
  system: string;
  /** Processes that wanted a core in the minute before the run: from one a core on, others were at work too. */
  load_before: number;
}>;

/** What ran. */
export type Versions = Readonly<{
  tidewire: string;
  /** The commit, with "+" if there were changes beside it; "unknown" outside a clone. */
  commit: string;
  node: string;
  uwebsockets: string;
  protobuf_es: string;
  postgres_driver: string;
  database: string;
}>;

/** To be called before the work begins, or the load is its own. */
export function describeMachine(): Machine {
  const processors = cpus();
  return {
    cpu: processors[0]?.model.trim() ?? "unknown",
    cores: processors.length,
    memory_bytes: totalmem(),
    system: `${type()} ${release()}`,
    load_before: loadavg()[0] ?? 0,
  };
}

/** @param database the engine with its version. */
export function describeVersions(database: string): Versions {
  return {
    tidewire: version,
    commit: readCommit(),
    node: process.versions.node,
    uwebsockets: versionOf("uWebSockets.js"),
    protobuf_es: versionOf("@bufbuild/protobuf"),
    postgres_driver: versionOf("postgres"),
    database,
  };
}

/** The version of an installed package. */
export function versionOf(name: string): string {
  const text = readFileSync(join(projectRoot, "node_modules", name, "package.json"), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

function readCommit(): string {
  const git = (...args: string[]) =>
    execFileSync("git", ["-C", projectRoot, ...args], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  try {
    const changes = git("status", "--porcelain", "--untracked-files=no");
    return `${git("rev-parse", "--short=12", "HEAD")}${changes === "" ? "" : "+"}`;
  } catch {
    return "unknown";
  }
}
