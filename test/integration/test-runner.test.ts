import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";

const runner = fileURLToPath(new URL("../../tools/verify/run-tests.js", import.meta.url));
const folders: string[] = [];
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

/** Runs the runner in a project that consists of these compiled test files. A filter keeps the checks out. */
function runProject(files: Record<string, string>, filter = ".test", settings: Record<string, string> = {}) {
  const root = mkdtempSync(join(tmpdir(), "tidewire-runner-"));
  folders.push(root);
  writeFileSync(join(root, "package.json"), `{"type": "module"}`);
  for (const [path, code] of Object.entries(files)) {
    const full = join(root, "dist/test", path);
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, `import { describe, it } from "node:test";\n${code}`);
  }
  // A test process of node:test marks its environment so that its children do not run tests of their own.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const where = { cwd: root, env: { ...env, ...settings }, encoding: "utf8" } as const;
  const { status, stdout } = spawnSync(process.execPath, [runner, filter], where);
  return { status, output: stdout, lastLine: stdout.trimEnd().split("\n").at(-1) };
}

/** A process that has ended but that nobody has waited for yet does not count. */
function isRunning(pid: number): boolean {
  if (existsSync("/proc/self/stat"))
    return existsSync(`/proc/${pid}/stat`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  return spawnSync("ps", ["-p", String(pid)]).status === 0;
}

const passing = `describe("a suite", () => { it("passes", () => {}); it("passes too", () => {}); });`;

describe("test runner", () => {
  it("counts tests, not suites or files, and exits with 0", () => {
    const { status, lastLine, output } = runProject({
      "unit/a.test.js": passing,
      "b.test.js": `it("passes", () => {});`,
    });
    assert.equal(lastLine, "3 passed, 0 failed");
    assert.equal(status, 0);
    assert.match(output, /✔ test\/unit\/a\.test\.ts {2}2 {2}\d/);
  });

  it("names a failing test with its file and suites, shows why and what the file has written, and exits with 1", () => {
    const code = `describe("outer", () => describe("inner", () => it("breaks", () => {
      console.log("a trace");
      throw new Error("the reason");
    })));`;
    const { status, lastLine, output } = runProject({ "a.test.js": code, "b.test.js": passing });
    assert.equal(lastLine, "2 passed, 1 failed");
    assert.equal(status, 1);
    assert.match(output, /✖ test\/a\.test\.ts › outer › inner › breaks\n +Error: the reason/);
    assert.match(output, /a trace/);
  });

  for (const [name, code] of [
    ["that crashes before its first test", `throw new Error("the reason");`],
    ["that cannot be loaded", `import "./the-reason.js";`],
    ["without a test", ""],
    ["with an empty suite alone", `describe("a suite", () => {});`],
    ["with a skipped test", `it.skip("some day", () => {});`],
    ["with a test to do", `it.todo("some day");`],
    ["that ends before its tests", `it("a", () => process.exit(0)); it("b", () => {});`],
    ["that is killed", `it("a", () => process.kill(process.pid, "SIGKILL")); it("b", () => {});`],
    [
      "whose hook fails",
      `import { before } from "node:test"; describe("a", () => { before(() => { throw 1; }); it("b", () => {}); });`,
    ],
    ["that leaves with an error code", `${passing} process.on("exit", () => { process.exitCode = 3; });`],
    [
      "with an error after the end of a test",
      `it("a", () => void setTimeout(() => { throw new Error("late"); }, 1)); it("b", () => new Promise((r) => setTimeout(r, 20)));`,
    ],
  ] as const)
    it(`fails for a file ${name}`, () => {
      const { status, lastLine, output } = runProject({ "a.test.js": code, "b.test.js": passing });
      assert.equal(status, 1, output);
      assert.match(lastLine ?? "", /^\d+ passed, [1-9]\d* failed$/);
    });

  it("names a test by the file that runs it, even if a helper of several files defines it", () => {
    const { output, lastLine } = runProject({
      "support/helper.js": `export const define = () => it("breaks", () => { throw 1; });`,
      "a.test.js": `import { define } from "./support/helper.js"; define();`,
      "b.test.js": `import { define } from "./support/helper.js"; define();`,
    });
    assert.match(output, /✖ test\/a\.test\.ts › breaks/);
    assert.match(output, /✖ test\/b\.test\.ts › breaks/);
    assert.equal(lastLine, "0 passed, 2 failed");
  });

  it("ends what a file has started and not stopped", () => {
    const code = `import { spawn } from "node:child_process";
    it("starts a process that nobody stops", () => {
      const child = spawn("sleep", ["1000"], { stdio: "ignore" });
      child.unref();
      console.log("pid " + child.pid + " end");
      throw new Error("so that the output is shown");
    });`;
    const { output } = runProject({ "a.test.js": code });
    const pid = Number(/pid (\d+) end/.exec(output)?.[1]);
    assert.ok(pid > 0, output);
    assert.ok(!isRunning(pid), `${pid} is still running`);
  });

  it("keeps the settings of whoever runs it from the tests", () => {
    const code = `it("sees none", () => { if (process.env.TIDEWIRE_PORT) throw new Error("it sees the port"); });`;
    const { lastLine } = runProject({ "a.test.js": code }, ".test", { TIDEWIRE_PORT: "1" });
    assert.equal(lastLine, "1 passed, 0 failed");
  });

  it("runs only files whose path contains the filter", () => {
    const { lastLine } = runProject({ "unit/a.test.js": passing, "b.test.js": "throw new Error();" }, "unit/");
    assert.equal(lastLine, "2 passed, 0 failed");
  });

  it("fails if there is nothing to run", () => {
    const { status, lastLine } = runProject({ "a.test.js": passing }, "elsewhere");
    assert.equal(status, 1);
    assert.equal(lastLine, "0 passed, 0 failed");
  });
});
