import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { runInMacrotask } from "../sim/engine/microtasks.js";
import { generateConfig } from "../sim/generate-config.js";
import { judge } from "../sim/judge.js";

const hashOf = (seed: number) => runInMacrotask(() => judge(generateConfig(seed)).hash);

describe("simulator: determinism", () => {
  it("does the same again for the same seed, whatever ran before it", async () => {
    const seeds = [1, 2, 3, 4, 5, 6];
    const hashes = new Map<number, string>();
    for (const seed of seeds) hashes.set(seed, await hashOf(seed));
    for (const seed of seeds.reverse()) assert.equal(await hashOf(seed), hashes.get(seed), `seed ${seed}`);
    assert.equal(new Set(hashes.values()).size, seeds.length);
  });

  it("writes the same lines for a reader, without doing anything else because of it", async () => {
    const lines: string[] = [];
    const { hash } = await runInMacrotask(() => judge(generateConfig(7), (line) => lines.push(line)));
    assert.equal(hash, await hashOf(7));
    assert.ok(lines.length > 100);
  });
});
