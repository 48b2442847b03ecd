import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  type AckCostPair,
  type AckCostResult,
  type AckCostRound,
  summarizePairs,
} from "../../tools/bench/acks/ack-cost.js";
import { toAckCostReport } from "../../tools/bench/acks/ack-cost-report.js";
import { circumstances } from "../support/bench-result.js";

const round = (cpuMs: number, acks: number): AckCostRound => ({
  server_cpu_ms: cpuMs,
  server_cpu_per_delivery_ns: cpuMs * 4,
  total_ms: 2 * cpuMs,
  acks,
});

const pair = (offMs: number, onMs: number): AckCostPair => ({
  off: round(offMs, 0),
  on: round(onMs, 1_000),
  ratio: onMs / offMs,
});

describe("the cost of acks", () => {
  const summary = summarizePairs([pair(100, 120), pair(80, 160), pair(50, 100)]);

  it("is the ratio of the medians, beside the ratios of single rounds", () => {
    assert.deepEqual(summary.ratio, { of_medians: 120 / 80, min: 1.2, max: 2 });
    assert.equal(summary.median.ratio, 2);
    assert.deepEqual([summary.median.off.server_cpu_ms, summary.median.on.server_cpu_ms], [80, 120]);
  });

  it("has no median without rounds", () => {
    assert.throws(() => summarizePairs([]));
  });

  it("is reported for a delivery and for an ack", () => {
    const result: AckCostResult = {
      scenario: "acks",
      settings: { database: "embedded", members: 3, rounds: 3, warmup_rounds: 2, text_bytes: 100, raised_limits: {} },
      ...circumstances,
      ...summary,
      verified: { sent: 9, acked: 9, delivered: 27, lost: 0, duplicated: 0, reordered: 0, durable_rows: 9 },
    };
    const report = toAckCostReport(result);
    const parts = [
      "320 ns (200–400) without acks",
      "480 ns (400–640) with",
      "medians 1.50",
      "1000 acks a round, 40.0 µs",
    ];
    for (const part of parts) assert.ok(report.includes(part), `${part} in\n${report}`);
    assert.match(report, /^ {2}2 +80\.0 +320 +160\.0 +160\.0 +640 +320\.0 +1000 +2\.00$/m);
    assert.deepEqual(JSON.parse(JSON.stringify(result)), result);
  });
});
