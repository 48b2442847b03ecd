import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { runDirect } from "../../tools/bench/direct/direct.js";
import { toDirectReport } from "../../tools/bench/direct/direct-report.js";
import { directFlags } from "../../tools/bench/direct/options.js";
import { depsOf, readWords } from "../support/bench.js";

describe("the benchmark of direct messages", () => {
  for (const engine of ["postgresql", "embedded"] as const) {
    it(`measures a steady rate from two processes, and verifies every conversation on ${engine}`, async () => {
      const flags = "--pairs 5 --rate 40 --seconds 1 --rounds 2 --generators 2";
      const outcome = await runDirect(readWords(directFlags, flags), depsOf(engine));
      assert.ok(outcome.kind === "measured", JSON.stringify(outcome));
      const { rounds, ack, deliver, histograms, verified } = outcome.result;
      assert.deepEqual(
        rounds.map(({ messages }) => messages),
        [40, 40],
      );
      for (const { p50, p99, max } of [ack, deliver]) assert.ok(p50 > 0 && p50 <= p99 && p99 <= max);
      for (const { bars } of histograms ?? [])
        assert.equal(
          bars.reduce((sum, { count }) => sum + count, 0),
          80,
        );
      assert.deepEqual(verified, {
        sent: 125,
        acked: 125,
        delivered: 250,
        lost: 0,
        duplicated: 0,
        reordered: 0,
        durable_rows: 125,
      });
      assert.match(toDirectReport(outcome.result), /direct: 5 pairs of users online, 40 messages of 100 bytes/);
    });
  }
});
