import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";

/** A line of code, the file it would stand in, and whether the architecture allows that. */
const examples = [
  ["forbids", "gateway/session/a.ts", `import { x } from "../../services/store/store.js";`],
  ["forbids", "gateway/b.ts", `import { x } from "../services/services.js";`],
  ["forbids", "gateway/c.ts", `export { x } from "../services/services.js";`],
  ["forbids", "gateway/d.ts", `import type { x } from "../services/services.js";`],
  ["forbids", "gateway/e.ts", `const x = await import("../services/services.js");`],
  ["forbids", "gateway/f.ts", `import x from "uWebSockets.js";`],
  ["forbids", "gateway/g.ts", `import x from "postgres";`],
  ["forbids", "gateway/h.ts", "export const x = process.env.HOME;"],
  ["allows", "gateway/i.ts", `import { x } from "../runtime/log.js";`],
  ["allows", "gateway/j.ts", `import { x } from "../gen/ts/tidewire/v1/frame_pb.js";`],
  ["allows", "gateway/server/server.ts", `import x from "uWebSockets.js";`],
  ["forbids", "services/message/a.ts", `import { x } from "../../gateway/gateway.js";`],
  ["forbids", "services/message/b.ts", `import x from "postgres";`],
  ["forbids", "services/store/c.ts", `import { x } from "../../gateway/gateway.js";`],
  ["allows", "services/message/d.ts", `import { x } from "../store/store.js";`],
  ["allows", "services/store/e.ts", `import x from "postgres";`],
  ["forbids", "runtime/fabric/a.ts", `import { x } from "../../services/store/store.js";`],
  ["forbids", "runtime/log.ts", "export const x = process.env.HOME;"],
  ["allows", "runtime/config.ts", "export const x = process.env.HOME;"],
  ["forbids", "clients/typescript/src/a.ts", `import { x } from "../../../runtime/clock.js";`],
  ["allows", "clients/typescript/src/b.ts", `import { x } from "../../../gen/ts/tidewire/v1/frame_pb.js";`],
  ["allows", "tools/a.ts", `import { x } from "../services/services.js";`],
  ["allows", "test/a.ts", `import { x } from "../gateway/gateway.js";`],
] as const;

const rules = ["lint/style/noRestrictedImports", "lint/style/noProcessEnv"];
const folder = mkdtempSync(join(tmpdir(), "tidewire-imports-"));
let refused: Set<string>;

before(() => {
  copyFileSync("biome.json", join(folder, "biome.json"));
  copyFileSync(".gitignore", join(folder, ".gitignore"));
  for (const [, path, code] of examples) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), `${code}\n`);
  }
  const lint = ["lint", "--reporter=json", "--max-diagnostics=1000", "."];
  const { stdout } = spawnSync(join(process.cwd(), "node_modules/.bin/biome"), lint, { cwd: folder, encoding: "utf8" });
  const report = JSON.parse(stdout) as { diagnostics: { category: string; location: { path: string } }[] };
  const broken = report.diagnostics.filter(({ category }) => rules.includes(category));
  refused = new Set(broken.map(({ location }) => location.path));
});

after(() => rmSync(folder, { recursive: true }));

describe("linter", () => {
  for (const [verdict, path, code] of examples)
    it(`${verdict} in ${path}: ${code}`, () => {
      assert.equal(refused.has(path) ? "forbids" : "allows", verdict);
    });
});
