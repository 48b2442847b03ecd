import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { runIngest } from "../../tools/bench/ingest/ingest.js";
import { toIngestReport } from "../../tools/bench/ingest/ingest-report.js";
import { ingestFlags } from "../../tools/bench/ingest/options.js";
import { depsOf, readWords } from "../support/bench.js";

const flags = "--connections 6 --window 3 --seconds 1 --rounds 1 --generators 2";

describe("the benchmark of storing", () => {
  it("saturates a server beside the straight append, and verifies what both have stored", async () => {
    const outcome = await runIngest(readWords(ingestFlags, flags), depsOf("postgresql"));
    assert.ok(outcome.kind === "measured", JSON.stringify(outcome));
    const { rounds, baseline, ratio, ack, series, settings, verified } = outcome.result;
    const [round] = rounds;
    assert.ok(round?.straight && round.messages_per_second > 0 && round.straight.messages_per_second > 0);
    assert.equal(round.generator_busy_shares.length, 2);
    assert.equal(ratio?.median, round.messages_per_second / round.straight.messages_per_second);
    assert.ok(baseline && baseline.batch_messages > 0);
    assert.ok(ack.p50 > 0 && ack.p50 <= ack.max);
    assert.deepEqual(
      series?.map(({ name, points }) => [name, points.length]),
      [
        ["stored", 1],
        ["straight append", 1],
      ],
    );
    assert.deepEqual(Object.keys(settings.raised_limits), ["messageBurst", "messageRatePerSecond"]);
    const { sent, ...rest } = verified;
    assert.ok(sent >= 2 * 6 * 3, `${sent} sent`);
    assert.deepEqual(rest, { acked: sent, delivered: sent, lost: 0, duplicated: 0, reordered: 0, durable_rows: sent });
    assert.match(toIngestReport(outcome.result), /ingest: 6 senders with 3 messages of 100 bytes under way each/);
  });

  it("has no baseline on the embedded database, which one process at a time may open", async () => {
    const outcome = await runIngest(readWords(ingestFlags, flags), depsOf("embedded"));
    assert.ok(outcome.kind === "measured", JSON.stringify(outcome));
    assert.equal(outcome.result.baseline, undefined);
    assert.ok(outcome.result.messages_per_second.median > 0);
    assert.match(toIngestReport(outcome.result), /no baseline/);
  });
});
