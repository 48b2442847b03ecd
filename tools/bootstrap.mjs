#!/usr/bin/env node
/**
 * What `npm start`, `npm test` and `npx tidewire` run: brings the clone into a state in which it works, then runs the
 * compiled program in this very process, so that signals and exit codes need no forwarding. Plain Node, no packages.
 *
 *   node tools/bootstrap.mjs start [options of `tidewire up`]
 *   node tools/bootstrap.mjs tidewire <command> [options]
 *   node tools/bootstrap.mjs test [part of a path]…
 *   node tools/bootstrap.mjs check | bench <scenario> | endurance | sim | bugs | fuzz | build
 */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ensureBuilt } from "./bootstrap/build.mjs";
import { ensureChromium } from "./bootstrap/chromium.mjs";
import { findMachineProblem } from "./bootstrap/machine.mjs";
import { ensurePackages } from "./bootstrap/packages.mjs";
import { ensurePostgres } from "./bootstrap/postgres.mjs";
import { fail, root } from "./bootstrap/shell.mjs";

const programs = {
  start: { path: "dist/tools/tidewire.js", argv: ["up"] },
  tidewire: { path: "dist/tools/tidewire.js", argv: [] },
  test: { path: "dist/tools/verify/run-tests.js", argv: [] },
  check: { path: "dist/tools/verify/run-checks.js", argv: [] },
  bench: { path: "dist/tools/bench/bench.js", argv: [] },
  sim: { path: "dist/test/sim/cli/sim.js", argv: [] },
  bugs: { path: "dist/test/sim/bugs/main.js", argv: [] },
  fuzz: { path: "dist/test/fuzz/main.js", argv: [] },
  endurance: { path: "dist/test/endurance/main.js", argv: [] },
  build: undefined,
};

const [command, ...argv] = process.argv.slice(2);
if (!Object.keys(programs).includes(command))
  fail(`usage: node tools/bootstrap.mjs ${Object.keys(programs).join("|")}`);

const problem = findMachineProblem();
if (problem) fail(problem);
await ensurePackages();
await ensureBuilt();
if (["test", "endurance", "bugs"].includes(command)) await ensurePostgres();
if (command === "test") await ensureChromium(argv);

const program = programs[command];
if (program) {
  const path = join(root, program.path);
  if (["test", "check", "bench", "endurance", "bugs"].includes(command)) process.chdir(root);
  process.setSourceMapsEnabled(true);
  process.argv = [process.execPath, path, ...program.argv, ...argv];
  await import(pathToFileURL(path).href);
}
