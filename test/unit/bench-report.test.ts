import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type CpuProfile, selfTimes } from "../../tools/bench/figures/cpu-profile.js";
import { median, quantiles } from "../../tools/bench/figures/statistics.js";
import { toGroupReport } from "../../tools/bench/group/report.js";
import type { GroupResult, RoundResult } from "../../tools/bench/group/result.js";
import { summarize } from "../../tools/bench/group/summary.js";
import { circumstances } from "../support/bench-result.js";

function round(totalMs: number, rawMs: number, changes: Partial<RoundResult> = {}): RoundResult {
  return {
    total_ms: totalMs,
    raw_ms: rawMs,
    ratio: rawMs / totalMs,
    deliver_p50_ms: totalMs / 2,
    deliver_p99_ms: totalMs,
    deliver_p999_ms: totalMs,
    deliver_max_ms: totalMs,
    ack_p50_ms: totalMs / 2,
    ack_p99_ms: totalMs,
    ack_max_ms: totalMs,
    acks: 4,
    server_cpu_ms: 10,
    generator_cpu_ms: 20,
    generator_busy_share: 0.5,
    ...changes,
  };
}

const messages = [new Uint8Array(100), new Uint8Array(50)];

describe("the statistics of a benchmark", () => {
  it("take the middle, or the mean of the two in the middle", () => {
    assert.equal(median([3, 1, 2]), 2);
    assert.equal(median([4, 1, 2, 3]), 2.5);
    assert.throws(() => median([]));
  });

  it("rank observations by their weight", () => {
    const observed = [
      { value: 30, count: 1 },
      { value: 10, count: 989 },
      { value: 20, count: 10 },
      { value: 99, count: 0 },
    ];
    assert.deepEqual(quantiles(observed), { p50: 10, p99: 20, p999: 20, max: 30 });
    assert.throws(() => quantiles([]));
  });
});

describe("the summary of a benchmark", () => {
  it("has the median of each number, and the spread of baseline and ratio", () => {
    const rounds = [round(100, 20), round(50, 30), round(80, 40)];
    const summary = summarize(rounds, messages);
    assert.equal(summary.median.total_ms, 80);
    assert.equal(summary.median.server_cpu_ms, 10);
    assert.deepEqual(summary.ratio, { median: 0.5, min: 0.2, max: 0.6 });
    const { name: _, ...baseline } = summary.baseline;
    assert.deepEqual(baseline, { messages: 2, bytes: 150, median_ms: 30, min_ms: 20, max_ms: 40 });
  });

  it("leaves out what the system did not tell", () => {
    const { server_cpu_ms: _, ...unknown } = round(50, 30);
    const summary = summarize([round(100, 20), unknown], messages);
    assert.ok(!("server_cpu_ms" in summary.median));
    assert.ok(!("database_cpu_ms" in summary.median));
  });
});

describe("the report of a benchmark", () => {
  const result: GroupResult = {
    scenario: "group",
    settings: {
      database: "embedded",
      members: 3,
      rounds: 1,
      warmup_rounds: 2,
      senders: 3,
      acks: "on",
      generators: 1,
      text_bytes: 100,
      raised_limits: {},
    },
    ...circumstances,
    ...summarize([round(100, 20)], messages),
    goals: { ratio: 0.3 },
    histograms: [],
    verified: { sent: 9, acked: 9, delivered: 27, lost: 0, duplicated: 0, reordered: 0, durable_rows: 9 },
  };

  it("shows machine, versions, raised limits, rounds, medians and the verification", () => {
    const report = toGroupReport(result);
    for (const part of ["2 × abacus", "Node 20", "PostgreSQL 15", "limits raised for the benchmark: none", "9 rows"]) {
      assert.ok(report.includes(part), part);
    }
    assert.match(report, /^ {2}median +100\.0 +20\.0 +0\.20/m);
  });

  it("says so if nothing was acknowledged", () => {
    assert.doesNotMatch(toGroupReport(result), /without acknowledgements/);
    const settings = { ...result.settings, acks: "off" } as const;
    assert.match(toGroupReport({ ...result, settings }), /at once, without acknowledgements/);
  });

  it("says so if others were at work on the machine", () => {
    assert.doesNotMatch(toGroupReport(result), /others were at work/);
    assert.match(toGroupReport({ ...result, machine: { ...result.machine, load_before: 1.1 } }), /others were at work/);
  });

  it("can be written as JSON", () => {
    assert.deepEqual(JSON.parse(JSON.stringify(result)), result);
  });
});

describe("the summary of a CPU profile", () => {
  const node = (id: number, functionName: string, url = "") => ({
    id,
    callFrame: { functionName, url, lineNumber: 9 },
  });
  const profile: CpuProfile = {
    nodes: [node(1, "(idle)"), node(2, "send", "file:///a/server.js"), node(3, "")],
    startTime: 1_000,
    samples: [2, 1, 2, 3],
    timeDeltas: [0, 100, 300, 100],
  };

  it("adds up own time by function, the most first", () => {
    assert.deepEqual(selfTimes(profile, [{ fromUs: 0, toUs: 10_000 }]), [
      { where: "send (server.js:10)", ms: 0.3, share: 0.6 },
      { where: "(idle)", ms: 0.1, share: 0.2 },
      { where: "(anonymous)", ms: 0.1, share: 0.2 },
    ]);
  });

  it("looks at the time of the rounds only", () => {
    assert.deepEqual(selfTimes(profile, [{ fromUs: 1_450, toUs: 2_000 }]), [
      { where: "(anonymous)", ms: 0.1, share: 1 },
    ]);
    assert.deepEqual(selfTimes(profile, []), []);
  });
});
