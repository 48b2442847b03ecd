import assert from "node:assert/strict";
import { availableParallelism } from "node:os";
import { describe, it } from "node:test";
import { runCampaign } from "../sim/cli/campaign.js";
import { findMissing } from "../sim/cli/occurrences.js";
import { explain } from "../sim/cli/replay.js";
import { generateConfig } from "../sim/generate-config.js";

/** `npm run sim -- --seeds N` runs more of them. */
const seeds = 2_000;

describe("simulation", () => {
  it(`keeps every guarantee in ${seeds} worlds, which meet every fault and every rare branch`, async ({ signal }) => {
    const tally = await runCampaign({ firstSeed: 1, seeds, jobs: availableParallelism(), signal, progress() {} });
    const [first] = tally.failures;
    if (first) assert.fail(await explain(generateConfig(first.seed), first.violations));
    assert.deepEqual(findMissing(tally.counts), []);
    assert.equal(tally.seeds, seeds);
  });
});
