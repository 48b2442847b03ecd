import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fail, root, run, say } from "./shell.mjs";

const sources = [
  "gen/ts",
  "runtime",
  "gateway",
  "services",
  "clients",
  "tools",
  "test",
  "tsconfig.json",
  "package-lock.json",
];

/** Compiles into dist/ if a source has changed, come or gone since the last time. */
export async function ensureBuilt() {
  const print = fingerprint(root, sources);
  const stamp = join(root, "dist/.fingerprint");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === print) return;
  say("Compiling …");
  const fresh = join(root, `.dist-${process.pid}`); // as deep as dist/, for source maps hold relative paths
  // The client is compiled once more, as the package that others import.
  for (const args of [
    ["-p", ".", "--outDir", fresh],
    ["-p", "clients/typescript/tsconfig.build.json"],
  ]) {
    const { code, output } = await compile(args);
    if (code === 0) continue;
    rmSync(fresh, { recursive: true, force: true });
    fail(`${output}\nThe sources do not compile.`);
  }
  writeFileSync(join(fresh, ".fingerprint"), print);
  replaceFolder(join(root, "dist"), fresh);
}

function compile(args) {
  return run(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), ...args]);
}

/** Changes whenever one of these files or folders does, by the names, times and sizes of all files in them. */
export function fingerprint(folder, paths) {
  const hash = createHash("sha256");
  for (const path of paths) for (const line of describeFiles(join(folder, path))) hash.update(`${line}\n`);
  return hash.digest("hex");
}

function describeFiles(path) {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return [];
  if (!stat.isDirectory()) return [`${path} ${stat.mtimeMs} ${stat.size}`];
  const names = readdirSync(path).sort();
  return names
    .filter((name) => name !== "node_modules" && name !== "dist")
    .flatMap((name) => describeFiles(join(path, name)));
}

/** By renaming, so that no file of an older build stays behind and a program that starts meanwhile finds a whole build. */
function replaceFolder(target, fresh) {
  const old = `${fresh}-old`;
  try {
    if (existsSync(target)) renameSync(target, old);
    renameSync(fresh, target);
  } catch (error) {
    if (!existsSync(target)) throw error; // else another process has put the same build there meanwhile
  }
  for (const folder of [old, fresh]) rmSync(folder, { recursive: true, force: true });
}
