#!/usr/bin/env node
/**
 * Writes gen/ from proto/: compiles our plugin, runs `buf generate` into an empty folder, and copies what has changed.
 *
 *   node tools/generate.mjs             brings gen/ up to date
 *   node tools/generate.mjs --check     changes nothing; names what is out of date and exits 1
 *   node tools/generate.mjs --release   writes proto/baseline.binpb, which `buf breaking` compares with
 *
 * The baseline is the contract as of the last release; it is renewed at a release only, in the release's commit. Until
 * then the contract may grow, and `npx buf breaking --against proto/baseline.binpb` refuses whatever breaks old clients.
 *
 * The plugin is compiled against gen/ts/tidewire/v1/options_pb.ts as committed. To give the contract a new option: add
 * it to options.proto, run this, then use it in the plugin, then run this again.
 */
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const generated = "gen/ts";
const baseline = "proto/baseline.binpb";
const buf = "@bufbuild/buf/bin/buf";
const tsc = "typescript/bin/tsc";

const { values: flags } = parseArgs({ options: { check: { type: "boolean" }, release: { type: "boolean" } } });

if (flags.release) {
  run(buf, ["build", "--exclude-source-info", "-o", baseline]);
  console.log(`wrote ${baseline}`);
} else {
  withFreshOutput((fresh) => (flags.check ? reportDifferences(fresh) : copyDifferences(fresh)));
}

/** Calls `use` with a folder that holds what `generated` ought to hold. */
function withFreshOutput(use) {
  run(tsc, ["-p", "tools/protoc-gen-tidewire"]);
  const folder = mkdtempSync(join(root, ".build/generated-"));
  try {
    run(buf, ["generate", "-o", folder]);
    use(join(folder, generated));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function reportDifferences(fresh) {
  const paths = differences(fresh);
  for (const path of paths) console.error(`out of date: ${generated}/${path}`);
  if (paths.length === 0) return console.log(`${generated} is up to date`);
  console.error("Run `npm run generate` and commit the result.");
  process.exitCode = 1;
}

function copyDifferences(fresh) {
  for (const path of differences(fresh)) {
    const target = join(root, generated, path);
    const text = readIfThere(join(fresh, path));
    mkdirSync(dirname(target), { recursive: true });
    if (text === undefined) rmSync(target);
    else writeFileSync(target, text);
    console.log(`${text === undefined ? "removed" : "wrote"} ${generated}/${path}`);
  }
}

/** Paths, below either folder, of files that are missing there or differ. */
function differences(fresh) {
  const committed = join(root, generated);
  const paths = new Set([...filesBelow(fresh), ...filesBelow(committed)]);
  return [...paths].sort().filter((path) => readIfThere(join(fresh, path)) !== readIfThere(join(committed, path)));
}

function filesBelow(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true }).filter((path) => statSync(join(folder, path)).isFile());
}

function readIfThere(path) {
  return existsSync(path) ? readFileSync(path, "utf8") : undefined;
}

/** Runs a package's script with this Node; ends this process with its output if it fails. */
function run(script, args) {
  const result = spawnSync(process.execPath, [join("node_modules", script), ...args], { cwd: root, encoding: "utf8" });
  if (result.error) throw result.error;
  if (result.status === 0) return;
  console.error(`${script} ${args.join(" ")} failed:\n${result.stdout}${result.stderr}`);
  process.exit(1);
}
