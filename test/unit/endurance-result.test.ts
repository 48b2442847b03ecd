import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { describeMachine } from "../../tools/bench/stage/machine.js";
import { checkEvidence } from "../endurance/checks/check.js";
import { parseEnduranceOptions } from "../endurance/options.js";
import { toReport } from "../endurance/report.js";
import { type RunRecord, toResult } from "../endurance/result.js";
import { flawlessEvidence } from "../support/endurance-evidence.js";

const command = parseEnduranceOptions([], 42);
assert.ok(command.kind === "run");
const { options } = command;
const evidence = flawlessEvidence();

const good: RunRecord = {
  options,
  machine: describeMachine(),
  database: "PostgreSQL 15",
  strikes: [
    { number: 1, kind: "reset", startedMs: 0, endedMs: 0, recoveredMs: new Map([[1, 1_500]]) },
    { number: 2, kind: "server-kill", startedMs: 5_000, endedMs: 6_000, recoveredMs: new Map([[1, 8_000]]) },
  ],
  convergence: { kind: "converged" },
  convergedMs: 1_234.5,
  evidence,
  findings: checkEvidence(evidence),
  problems: [],
};

describe("the result of an endurance run", () => {
  it("has passed when nothing is wrong, and says what was done", () => {
    const result = toResult(good);
    assert.equal(result.passed, true);
    assert.deepEqual(result.messages, { sent: 6, acked: 5, refused: 0, logged: 6, delivered: 16, conversations: 2 });
    assert.deepEqual(result.faults.by_kind["server-kill"], { count: 1, recovery_max_ms: 2_000 });
    assert.deepEqual(result.recovery, {
      measured: 2,
      p50_ms: 1_500,
      p99_ms: 2_000,
      max_ms: 2_000,
      since_own_end_max_ms: 2_000,
    });
    assert.equal(result.converged_ms, 1_235);
    assert.match(toReport(result), /seed 42[\s\S]*PASSED/);
    assert.doesNotThrow(() => JSON.stringify(result));
  });

  const flaws: [string, Partial<RunRecord>, RegExp][] = [
    ["an invariant is broken", { findings: withoutOne() }, /invariant 7 is broken 1 times[\s\S]*lacks 100:2/],
    [
      "a device is behind",
      { convergence: { kind: "behind", devices: ["ann-phone waiting"] } },
      /60 s .*ann-phone waiting/,
    ],
    [
      "a device did not recover",
      {
        strikes: [{ number: 3, kind: "refuse", startedMs: 0, endedMs: 0, recoveredMs: new Map([[1, undefined]]) }],
      },
      /1 devices did not recover from fault #3 refuse/,
    ],
    ["the server ended by itself", { problems: ["the server ended by itself"] }, /problem: the server ended by itself/],
  ];
  for (const [what, changes, words] of flaws) {
    it(`has not passed when ${what}`, () => {
      const result = toResult({ ...good, ...changes });
      assert.equal(result.passed, false);
      assert.match(toReport(result), /FAILED/);
      assert.match(toReport(result), words);
    });
  }
});

function withoutOne() {
  const spoiled = flawlessEvidence();
  spoiled.devices[1]?.storage.messages.shift();
  return checkEvidence(spoiled);
}
