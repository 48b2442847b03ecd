import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { runBigGroup } from "../../tools/bench/big-group/big-group.js";
import { depsOf } from "../support/bench.js";

describe("the benchmark of a big group", () => {
  it("has one member send a message in each round, and verifies that all have it, in both processes", async () => {
    const options = { members: 250, rounds: 2, warmupRounds: 1, generators: 2 };
    const outcome = await runBigGroup(options, depsOf("postgresql"));
    assert.ok(outcome.kind === "measured", JSON.stringify(outcome));
    const { rounds, histograms, settings, verified } = outcome.result;
    assert.equal(rounds.length, 2);
    assert.ok(rounds.every(({ total_ms, raw_ms, deliver_max_ms }) => raw_ms > 0 && total_ms === deliver_max_ms));
    assert.ok(rounds.every(({ acks }) => acks === 250));
    assert.deepEqual([settings.senders, settings.raised_limits], [1, {}]);
    assert.deepEqual(
      histograms.map(({ name, bars }) => [name, bars.reduce((sum, { count }) => sum + count, 0)]),
      [
        ["deliver", 500],
        ["ack", 2],
      ],
    );
    assert.deepEqual([verified.sent, verified.acked, verified.delivered, verified.durable_rows], [3, 3, 750, 3]);
  });
});
