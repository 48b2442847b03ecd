import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { runAckCost } from "../../tools/bench/acks/ack-cost.js";
import { acksFlags } from "../../tools/bench/acks/options.js";
import { runGroup } from "../../tools/bench/group/group.js";
import { groupFlags } from "../../tools/bench/group/options.js";
import { pacedFlags } from "../../tools/bench/paced/options.js";
import { runPaced } from "../../tools/bench/paced/paced.js";
import { slowReaderFlags } from "../../tools/bench/slow-reader/options.js";
import { runSlowReader } from "../../tools/bench/slow-reader/slow-reader.js";
import { depsOf, readWords } from "../support/bench.js";

describe("the benchmark of a group", () => {
  for (const engine of ["postgresql", "embedded"] as const) {
    it(`measures and verifies a small group on ${engine}`, async () => {
      const outcome = await runGroup(readWords(groupFlags, "--members 8 --rounds 1 --warmup 1"), depsOf(engine));
      assert.ok(outcome.kind === "measured", JSON.stringify(outcome));
      const { result } = outcome;
      assert.equal(result.rounds.length, 1);
      assert.ok(result.rounds.every(({ total_ms, raw_ms }) => total_ms > 0 && raw_ms > 0));
      assert.ok(result.rounds.every(({ acks }) => acks >= 8));
      assert.ok(result.baseline.bytes > 8 * 100);
      const counted = result.histograms.map(({ name, bars }) => [
        name,
        bars.reduce((sum, { count }) => sum + count, 0),
      ]);
      assert.deepEqual(Object.fromEntries(counted), { deliver: 64, ack: 8 });
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

  it("verifies as strictly when nothing is acknowledged while it is measured", async () => {
    const outcome = await runGroup(
      readWords(groupFlags, "--members 8 --rounds 1 --warmup 1 --acks off"),
      depsOf("postgresql"),
    );
    assert.ok(outcome.kind === "measured", JSON.stringify(outcome));
    assert.deepEqual(
      outcome.result.rounds.map(({ acks }) => acks),
      [0],
    );
    assert.equal(outcome.result.verified.delivered, 128);
  });

  it("stops everything when it is interrupted", async () => {
    const options = readWords(groupFlags, "--members 8 --rounds 1000 --warmup 1");
    const interrupted = new AbortController();
    const progress = (line: string) => line.startsWith("warm-up") && interrupted.abort(new Error("interrupted"));
    await assert.rejects(runGroup(options, { ...depsOf("postgresql"), signal: interrupted.signal, progress }));
  });
});

describe("the benchmark of a group at a steady pace", () => {
  it("begins a round each second, and verifies all", async () => {
    const outcome = await runPaced(readWords(pacedFlags, "--members 8 --rounds 3 --warmup 1"), depsOf("postgresql"));
    assert.ok(outcome.kind === "measured", JSON.stringify(outcome));
    const { rounds, elapsed_ms, deliver, histograms, series, verified } = outcome.result;
    assert.equal(rounds.length, 3);
    assert.ok(elapsed_ms >= 2_000, `${elapsed_ms} ms`);
    assert.equal(
      histograms[0]?.bars.reduce((sum, { count }) => sum + count, 0),
      192,
    );
    assert.ok(series.every(({ points }) => points.length >= 2));
    assert.ok(deliver.p50 > 0 && deliver.p50 <= deliver.p99 && deliver.p99 <= deliver.max);
    assert.deepEqual([verified.sent, verified.delivered, verified.durable_rows], [32, 256, 32]);
  });
});

describe("the benchmark of acks", () => {
  it("measures rounds with and without them in turns, and verifies all", async () => {
    const outcome = await runAckCost(readWords(acksFlags, "--members 8 --rounds 2 --warmup 1"), depsOf("postgresql"));
    assert.ok(outcome.kind === "measured", JSON.stringify(outcome));
    const { rounds, median, verified } = outcome.result;
    assert.equal(rounds.length, 2);
    assert.ok(rounds.every(({ off, on }) => off.acks === 0 && on.acks >= 8));
    assert.ok(median.off.server_cpu_ms > 0 && median.on.server_cpu_ms > 0);
    assert.deepEqual([verified.sent, verified.delivered, verified.durable_rows], [40, 320, 40]);
  });
});

describe("the benchmark of slow readers", () => {
  it("lets some stop reading and others trickle, and verifies that all end with everything", async () => {
    const flags = "--members 6 --slow 2 --rounds 1 --seconds 2 --rate 40";
    const outcome = await runSlowReader(readWords(slowReaderFlags, flags), depsOf("postgresql"));
    assert.ok(outcome.kind === "measured", JSON.stringify(outcome));
    const { rounds, verified, histograms, series } = outcome.result;
    const [round] = rounds;
    assert.ok(round);
    assert.deepEqual(
      round.with.slow.map(({ manner }) => manner),
      ["stopped", "trickle"],
    );
    const [stopped, trickling] = round.with.slow.map(({ behind }) => behind);
    assert.equal(stopped, 80, "who does not read gets nothing");
    assert.ok(trickling !== undefined && trickling < 80, `who trickles lacks ${trickling}`);
    assert.deepEqual([round.without.deliveries, round.with.deliveries], [240, 240]);
    assert.deepEqual(
      histograms.map(({ bars }) => bars.reduce((sum, { count }) => sum + count, 0)),
      [240, 240],
    );
    assert.ok(series.every(({ unit, points }) => unit === "bytes" && points.length >= 4));
    assert.deepEqual([verified.sent, verified.delivered, verified.durable_rows], [240, 1_440, 240]);
  });
});
