import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { generateConfig } from "../sim/generate-config.js";
import { shrink } from "../sim/shrink.js";

const triesMax = 1_000;
const large = {
  ...generateConfig(1),
  gateways: 3,
  devices: [2, 3, 1, 1],
  conversations: [
    { kind: "group", users: [1, 2, 3] },
    { kind: "direct", users: [1, 4] },
  ],
  faults: { cut: 1, stall: 1, "store-crash": 0.3, "answer-lost": 1 },
  activityMs: 40_000,
} as const;

describe("simulator: shrink", () => {
  it("leaves only what a failure needs", () => {
    const smallest = shrink(large, {
      triesMax,
      fails: ({ faults, gateways }) => faults["answer-lost"] !== undefined && gateways >= 2,
    });
    assert.deepEqual(smallest.faults, { "answer-lost": 1 });
    assert.deepEqual(smallest.scripts, []);
    assert.deepEqual(smallest.conversations, [{ kind: "group", users: [2, 3] }]);
    assert.deepEqual(smallest.devices, [1, 1, 1]);
    assert.equal(smallest.gateways, 2);
    assert.ok(smallest.activityMs <= 1_000);
  });

  it("changes nothing that a failure depends on, and keeps the seed", () => {
    assert.deepEqual(shrink(large, { triesMax, fails: () => false }), large);
  });

  it("gives up after as many tries as it may take", () => {
    let tries = 0;
    shrink(large, { triesMax: 7, fails: () => ++tries > 0 });
    assert.equal(tries, 7);
  });
});
