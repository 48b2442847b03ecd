import { runInMacrotask } from "../engine/microtasks.js";
import { generateConfig } from "../generate-config.js";
import { judge } from "../judge.js";
import type { HuntLine } from "./hunt-line.js";

/** `node hunt-seeds.js FROM SEEDS`: runs seeds until one breaks a guarantee, and tells how it goes, a line of JSON at a time. */

const tellEveryMs = 500;

const [from = 0, seeds = 0] = process.argv.slice(2).map(Number);
let toldAtMs = Number.NEGATIVE_INFINITY;

for (let ran = 0; ran < seeds; ran++) {
  if (performance.now() - toldAtMs >= tellEveryMs) {
    tell({ kind: "running", ran });
    toldAtMs = performance.now();
  }
  const { violations } = await runInMacrotask(() => judge(generateConfig(from + ran)));
  const [violation] = violations;
  if (violation === undefined) continue;
  tell({ kind: "red", ran: ran + 1, seed: from + ran, violation });
  process.exit();
}
tell({ kind: "green" });

function tell(line: HuntLine): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
