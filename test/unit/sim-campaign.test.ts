import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ChunkResult } from "../sim/cli/chunk.js";
import { findMissing, rareBranches, toTable } from "../sim/cli/occurrences.js";
import { parseSimOptions } from "../sim/cli/options.js";
import { createTally, type SavedTally } from "../sim/cli/tally.js";
import { faultKinds } from "../sim/faults/fault-kinds.js";

const result = (firstSeed: number, seeds: number, hash: string): ChunkResult => ({
  chunk: { firstSeed, seeds },
  simulatedMs: 1_000,
  cpuMs: 10,
  counts: [["fault cut", 2]],
  failures: [{ seed: firstSeed, violations: ["it broke"] }],
  hash,
});

describe("simulator: tally", () => {
  it("goes on where a file ends, and counts nothing twice", () => {
    const first = createTally();
    for (const { firstSeed, seeds } of first.open(1, 25))
      if (firstSeed !== 11) first.add(result(firstSeed, seeds, "f"));
    const saved = JSON.parse(JSON.stringify(first.toSaved())) as SavedTally;
    const second = createTally(saved);
    assert.deepEqual(second.open(1, 40), [
      { firstSeed: 11, seeds: 5 },
      { firstSeed: 26, seeds: 5 },
      { firstSeed: 31, seeds: 5 },
      { firstSeed: 36, seeds: 5 },
    ]);
    assert.equal(second.seeds, 20);
    assert.equal(second.counts.get("fault cut"), 8);
    assert.deepEqual(
      second.failures.map(({ seed }) => seed),
      [1, 6, 16, 21],
    );
  });

  it("has one hash for the same seeds in any order", () => {
    const [one, other] = [createTally(), createTally()];
    const results = [result(1, 10, "abc"), result(11, 10, "123"), result(21, 10, "f0f")];
    for (const part of results) one.add(part);
    for (const part of results.reverse()) other.add(part);
    assert.equal(one.hash, other.hash);
    assert.notEqual(one.hash, createTally().hash);
  });
});

describe("simulator: occurrences", () => {
  it("misses a fault or a branch that never occurred", () => {
    const all = [...faultKinds.map((kind) => `fault ${kind}`), ...Object.keys(rareBranches)];
    const counts = new Map(all.map((name) => [name, 1]));
    assert.deepEqual(findMissing(counts), []);
    counts.set("fault cut", 0);
    counts.delete("streamGaps");
    assert.deepEqual(findMissing(counts), ["fault cut", "streamGaps"]);
    assert.match(toTable(counts), /^ {2}cut +0$/m);
  });
});

describe("simulator: options", () => {
  it("reads a campaign, a replay, and a cry for help", () => {
    const campaign = parseSimOptions(["--seeds", "20", "--from", "5", "--jobs", "3", "--resume", "file"]);
    assert.deepEqual(campaign, { kind: "campaign", firstSeed: 5, seeds: 20, jobs: 3, resumeFile: "file" });
    const replay = parseSimOptions(["--seed", "7", "--trace", "--config", '{"gateways":1}']);
    assert.deepEqual(replay, { kind: "replay", seed: 7, changes: { gateways: 1 }, trace: "shown" });
    assert.deepEqual(parseSimOptions(["-h", "--seed", "nonsense"]), { kind: "help" });
  });

  for (const argv of [
    ["--seeds", "0"],
    ["--seed", "1.5"],
    ["--trace"],
    ["--seed", "1", "--config", "[}"],
    ["--sedes", "1"],
  ])
    it(`refuses ${argv.join(" ")}`, () => {
      assert.throws(() => parseSimOptions(argv), { name: "TidewireError" });
    });
});
