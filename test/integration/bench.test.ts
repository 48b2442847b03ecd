import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { runGroup } from "../../tools/bench/group.js";
import { describeMachine } from "../../tools/bench/machine.js";
import { parseBenchOptions } from "../../tools/bench/options.js";

const machine = describeMachine();

describe("the benchmark of a group", () => {
  for (const engine of ["postgresql", "embedded"] as const) {
    it(`measures and verifies a small group on ${engine}`, async () => {
      const command = parseBenchOptions(["group", "--members", "8", "--rounds", "1", "--warmup", "1"]);
      assert.ok(command.kind === "run");
      const outcome = await runGroup(engine, command.options, {
        machine,
        signal: new AbortController().signal,
        progress() {},
      });
      assert.ok(outcome.kind === "measured", JSON.stringify(outcome));
      const { result } = outcome;
      assert.equal(result.rounds.length, 1);
      assert.ok(result.rounds.every(({ total_ms, raw_ms }) => total_ms > 0 && raw_ms > 0));
      assert.ok(result.baseline.bytes > 8 * 100);
      assert.deepEqual(result.verified, {
        sent: 16,
        acked: 16,
        delivered: 128,
        lost: 0,
        duplicated: 0,
        reordered: 0,
        durable_rows: 16,
      });
    });
  }

  it("stops everything when it is interrupted", async () => {
    const command = parseBenchOptions(["group", "--members", "8", "--rounds", "1000", "--warmup", "1"]);
    assert.ok(command.kind === "run");
    const interrupted = new AbortController();
    const progress = (line: string) => line.startsWith("warm-up") && interrupted.abort(new Error("interrupted"));
    await assert.rejects(runGroup("postgresql", command.options, { machine, signal: interrupted.signal, progress }));
  });
});
