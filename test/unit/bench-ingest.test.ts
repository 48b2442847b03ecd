import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseBenchCommand } from "../../tools/bench/command.js";
import type { IngestReport } from "../../tools/bench/generator/generator-calls.js";
import { mergeIngest, summarizeIngest, toRate, toSeries } from "../../tools/bench/ingest/ingest-result.js";

const report: IngestReport = {
  startUs: 5e6,
  sent: 30,
  storedBySecond: [10, 15],
  acked: 30,
  ack: [{ value: 4, count: 30 }],
  busyness: { cpuMs: 100, busyShare: 0.5 },
  problems: [],
};

function round(own: number, straight: number) {
  const ack = { p50: 1, p99: 2, p999: 3, max: 4 };
  const rounds = { messages_per_second: straight, cpu_ms: 1, busy_share: 0.1 };
  return { messages_per_second: own, ack, generator_cpu_ms: 1, generator_busy_shares: [0.1], straight: rounds };
}

describe("the figures of storing", () => {
  it("add up what several processes stored in each second, and leave out what came after the end", () => {
    const merged = mergeIngest([report, { ...report, startUs: 6e6, busyness: { cpuMs: 50, busyShare: 0.9 } }]);
    assert.deepEqual(merged.storedBySecond, [20, 30]);
    assert.equal(toRate(merged), 25);
    assert.deepEqual([merged.startUs, merged.sent, merged.acked, merged.generatorCpuMs], [5e6, 60, 60, 150]);
    assert.deepEqual(merged.busyShares, [0.5, 0.9]);
  });

  it("take the ratio of each round, not of the medians", () => {
    const { messages_per_second, baseline, ratio } = summarizeIngest(
      [round(10, 100), round(40, 50), round(30, 100)],
      report.ack,
      500,
    );
    assert.deepEqual(messages_per_second, { median: 30, min: 10, max: 40 });
    assert.deepEqual([baseline?.median, baseline?.batch_messages], [100, 500]);
    assert.deepEqual(ratio, { median: 0.3, min: 0.1, max: 0.8 });
  });

  it("have no ratio without a baseline", () => {
    const { straight: _, ...alone } = round(10, 100);
    assert.equal(summarizeIngest([alone], report.ack, undefined).ratio, undefined);
  });

  it("place each second where it was in the run", () => {
    const later = { startUs: 9e6, storedBySecond: [1, 2] };
    assert.deepEqual(toSeries("stored", 5e6, [report, later]).points, [
      [0, 10],
      [1, 15],
      [4, 1],
      [5, 2],
    ]);
  });

  it("refuse more messages under way than a server lets wait", () => {
    assert.throws(() => parseBenchCommand(["ingest", "--connections", "2001", "--window", "10"]), /at most 20000/);
  });
});
