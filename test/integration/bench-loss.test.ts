import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { runLoss } from "../../tools/bench/loss/loss.js";
import { toLossReport } from "../../tools/bench/loss/loss-report.js";
import { lossFlags } from "../../tools/bench/loss/options.js";
import { depsOf, readWords } from "../support/bench.js";

describe("the benchmark of lost connections", () => {
  it("drops connections, and verifies that every device and the database have everything once and in order", async () => {
    const flags = "--pairs 4 --rate 20 --seconds 4 --every 1 --generators 2";
    const outcome = await runLoss(readWords(lossFlags, flags), depsOf("postgresql"));
    assert.ok(outcome.kind === "measured", JSON.stringify(outcome));
    const { rounds, recovery, recovery_by_kind, series, verified } = outcome.result;
    const [round] = rounds;
    assert.ok(round && round.drops > 0);
    assert.ok(recovery.p50 > 0 && recovery.p50 <= recovery.p99 && recovery.p99 <= recovery.max);
    assert.equal(
      Object.values(recovery_by_kind).reduce((sum, { drops }) => sum + drops, 0),
      round.drops,
    );
    assert.equal(series?.[0]?.points.length, round.drops);
    assert.deepEqual(verified, {
      sent: 168,
      acked: 168,
      delivered: 336,
      lost: 0,
      duplicated: 0,
      reordered: 0,
      durable_rows: 168,
    });
    assert.match(toLossReport(outcome.result), /loss: 4 pairs of shipped clients, 20 messages of 100 bytes/);
  });
});
