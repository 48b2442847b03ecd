import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { type Catcher, readBugs } from "../sim/bugs/bug.js";
import { applyChange } from "../sim/bugs/patch.js";
import { projectRoot } from "../support/project-root.js";

/** The folders of what ships: a mistake anywhere else proves nothing. */
const shipped = /^(clients\/typescript\/src|gateway|runtime|services)\//;

const bugs = readBugs(projectRoot);
const tests = readdirSync(join(projectRoot, "test"), { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".test.ts"))
  .map((path) => `test/${path}`);

const exists = (catcher: Catcher) =>
  catcher.kind === "sim"
    ? existsSync(join(projectRoot, "test/sim/judge.ts"))
    : tests.some((path) => path.includes(catcher.part));

/** Whether a bug is caught is for `npm run bugs` to say; here, that it is one at all. */
describe("seeded bugs", () => {
  it("are some thirty or more, and no two of them the same mistake", () => {
    assert.ok(bugs.length >= 30);
    assert.equal(new Set(bugs.map(({ mistake }) => mistake)).size, bugs.length);
    assert.equal(new Set(bugs.map(({ changes }) => JSON.stringify(changes))).size, bugs.length);
  });

  for (const { name, changes, catchers } of bugs) {
    it(`apply to the sources as they are: ${name}`, () => {
      for (const change of changes) {
        assert.match(change.path, shipped);
        const source = readFileSync(join(projectRoot, change.path), "utf8");
        const applied = applyChange(source, change);
        assert.ok(applied.kind === "changed", applied.kind === "misfit" ? applied.why : "");
        assert.notEqual(applied.text, source);
      }
      for (const catcher of catchers) assert.ok(exists(catcher), `there is no ${JSON.stringify(catcher)}`);
    });
  }
});
