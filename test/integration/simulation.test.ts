import assert from "node:assert/strict";
import { availableParallelism } from "node:os";
import { describe, it } from "node:test";
import { runCampaign } from "../sim/cli/campaign.js";
import { findMissing } from "../sim/cli/occurrences.js";

/** `npm run sim -- --seeds N` runs more of them, and `npm run sim -- --seed S` says more about one. */
const seeds = 2_000;

describe("simulation", () => {
  it(`keeps every guarantee in ${seeds} worlds, which meet every fault and every rare branch`, async ({ signal }) => {
    const tally = await runCampaign({ firstSeed: 1, seeds, jobs: availableParallelism(), signal, progress() {} });
    const failures = tally.failures.map(({ seed, violations }) => `npm run sim -- --seed ${seed}: ${violations[0]}`);
    assert.deepEqual(failures, []);
    assert.deepEqual(findMissing(tally.counts), []);
    assert.equal(tally.seeds, seeds);
  });
});
