import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { describeMachine } from "../../tools/bench/stage/machine.js";
import { networkFaults, processFaults } from "../endurance/fault.js";
import type { EnduranceOptions } from "../endurance/options.js";
import { toReport } from "../endurance/report.js";
import { runEndurance } from "../endurance/run.js";

/** Short, but with every kind of fault. */
const options: EnduranceOptions = {
  clients: 10,
  durationMs: 8_000,
  faults: 16,
  seed: 3,
  quietMs: 60_000,
  pauseMs: 1_000,
  heartbeatMs: 2_000,
  jsonFile: undefined,
};

const machine = describeMachine();

describe("a short endurance run", () => {
  it("loses, doubles and swaps nothing, and everybody recovers", async () => {
    const lines: string[] = [];
    const progress = (line: string) => void lines.push(line);
    const { signal } = new AbortController();
    const { result, keptIn } = await runEndurance(options, { machine, signal, progress });
    assert.ok(result.passed, [...lines, toReport(result), `kept in ${keptIn}`].join("\n"));
    assert.deepEqual(new Set(Object.keys(result.faults.by_kind)), new Set([...networkFaults, ...processFaults]));
    assert.ok(result.messages.acked > 50, toReport(result));
    assert.ok(result.messages.delivered > result.messages.logged, toReport(result));
    assert.ok(result.recovery.measured > options.faults / 2, toReport(result));
  });

  it("ends everything when it is interrupted", async () => {
    const interrupted = new AbortController();
    const progress = (line: string) => line.includes("the storm begins") && interrupted.abort(new Error("interrupted"));
    const run = runEndurance({ ...options, clients: 4 }, { machine, signal: interrupted.signal, progress });
    await assert.rejects(run, /interrupted/);
  });
});
