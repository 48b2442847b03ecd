import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { type Message, MessageSchema } from "../../gen/ts/tidewire/v1/content_pb.js";
import { createHistogram } from "../../tools/bench/figures/histogram.js";
import { quantiles } from "../../tools/bench/figures/statistics.js";
import { createLogFollower } from "../../tools/bench/generator/log-follower.js";
import { textOf } from "../../tools/bench/generator/workload.js";
import { watchSlowCounts } from "../../tools/bench/slow-reader/slow-counts.js";
import { toSlowReaderReport } from "../../tools/bench/slow-reader/slow-reader-report.js";
import {
  type SlowReaderResult,
  type Stretch,
  summarizeStretches,
} from "../../tools/bench/slow-reader/slow-reader-result.js";
import { circumstances } from "../support/bench-result.js";

describe("the histogram of a benchmark", () => {
  it("keeps counts, the greatest value, and every other value to a part in 64", () => {
    const values = fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(values, (recorded) => {
        const histogram = createHistogram(0.01);
        for (const value of recorded) histogram.record(value);
        const observed = histogram.observations().flatMap(({ value, count }) => Array<number>(count).fill(value));
        const [seen, sorted] = [observed, recorded].map((list) => list.toSorted((a, b) => a - b));
        assert.ok(seen && sorted);
        assert.equal(seen.length, sorted.length);
        assert.equal(seen.at(-1), sorted.at(-1));
        for (const [index, value] of sorted.entries()) {
          const error = value - (seen[index] ?? 0);
          assert.ok(error >= -1e-9 * value && error <= value / 64 + 0.01, `${value} as ${seen[index]}`);
        }
      }),
    );
  });

  it("is empty at first", () => {
    assert.deepEqual(createHistogram(1).observations(), []);
  });
});

describe("the follower of a log", () => {
  const options = { holder: "user 9", conversationId: 7n, headSeq: 2n, textBytes: 200 };

  function message(seq: bigint, changes: { clientId?: bigint; text?: string; conversationId?: bigint } = {}): Message {
    const { clientId = seq, conversationId = 7n, text = textOf(Number(clientId), 5n, 200) } = changes;
    const content = { body: { case: "text", value: { text } } } as const;
    return create(MessageSchema, { conversationId, seq, senderId: 5n, clientId, content });
  }

  function follow(messages: readonly Message[]) {
    const follower = createLogFollower(options);
    for (const each of messages) follower.follow(each);
    return follower;
  }

  it("counts what comes in order, unaltered", () => {
    const { seq, holding } = follow([message(3n), message(4n)]);
    assert.equal(seq, 4n);
    const { digest: _, ...counts } = holding;
    assert.deepEqual(counts, {
      holder: "user 9",
      conversationId: 7n,
      applied: 2,
      repeated: 0,
      misnumbered: 0,
      lost: 0,
      altered: 0,
      problems: [],
    });
  });

  it("ignores what it had, and says so", () => {
    const { holding } = follow([message(3n), message(3n), message(1n), message(4n)]);
    assert.deepEqual([holding.applied, holding.repeated], [2, 2]);
    assert.equal(holding.digest, follow([message(3n), message(4n)]).holding.digest);
  });

  it("sees a hole", () => {
    const { holding } = follow([message(3n), message(6n)]);
    assert.deepEqual([holding.lost, holding.misnumbered], [2, 0]);
    assert.deepEqual(holding.problems, ["user 9 got seq 6 after seq 3"]);
  });

  it("sees a sender whose messages are in the log twice, out of order, or not at all", () => {
    for (const clientIds of [
      [1n, 1n],
      [2n, 1n],
      [1n, 3n],
    ]) {
      const { holding } = follow(clientIds.map((clientId, index) => message(3n + BigInt(index), { clientId })));
      assert.equal(holding.misnumbered, 1);
      assert.equal(holding.problems.length, 1);
    }
  });

  it("sees another text and another conversation", () => {
    for (const altered of [message(3n, { text: "something else" }), message(3n, { conversationId: 8n })]) {
      const { applied, altered: count, problems } = follow([altered]).holding;
      assert.deepEqual([applied, count, problems.length], [0, 1, 1]);
    }
  });

  it("has another digest if a message is another one, or in another place", () => {
    const logs = [
      [message(3n, { clientId: 1n }), message(4n, { clientId: 2n })],
      [message(3n, { clientId: 2n }), message(4n, { clientId: 1n })],
      [message(3n, { clientId: 1n })],
    ];
    assert.equal(new Set(logs.map((log) => follow(log).holding.digest)).size, logs.length);
  });
});

describe("the counts of slow readers", () => {
  it("are those since they were begun", async () => {
    const counters = new Map([
      ["tidewire_pushes_dropped_total", 3],
      ['tidewire_retransmissions_total{by="frames"}', 5],
    ]);
    const counts = await watchSlowCounts({ readCounters: async () => new Map(counters) });
    counters.set("tidewire_pushes_dropped_total", 10).set('tidewire_closes_total{code="SLOW_CONSUMER"}', 2);
    assert.deepEqual(await counts(), { dropped: 7, sent_again: 0, told_behind: 0, closed: 2 });
  });
});

describe("the report of slow readers", () => {
  const fast = [
    { value: 1, count: 99 },
    { value: 3, count: 1 },
  ] as const;
  const slow = [
    { value: 2, count: 98 },
    { value: 6, count: 2 },
  ] as const;
  const none = { dropped: 0, sent_again: 0, told_behind: 0, closed: 0 };

  function stretch(observed: Parameters<typeof quantiles>[0], changes: Partial<Stretch> = {}): Stretch {
    return {
      deliver: quantiles(observed),
      deliveries: 100,
      generator_busy_share: 0.5,
      server: none,
      slow: [],
      ...changes,
    };
  }

  const fates = [
    { manner: "stopped", behind: 40, closeCodes: [4002], caughtUpMs: 2_500 },
    { manner: "stopped", behind: 40, closeCodes: [], caughtUpMs: 1_500 },
    { manner: "trickle", behind: 20, closeCodes: [], caughtUpMs: 700 },
  ] as const;
  const server = { dropped: 2, sent_again: 3, told_behind: 4, closed: 1 };
  const rounds = [{ without: stretch(fast), with: stretch(slow, { slow: fates, server }) }];
  const summary = summarizeStretches(rounds, { without: fast, with: slow });

  it("compares the tails", () => {
    assert.deepEqual([summary.without.p99, summary.with.p99], [1, 6]);
    assert.deepEqual(summary.ratio, { overall: 6, min: 6, max: 6 });
  });

  it("counts each delivery in one bar", () => {
    assert.deepEqual(
      summary.histograms.map(({ bars }) => bars.filter(({ count }) => count > 0)),
      [
        [
          { upto: 1, count: 99 },
          { upto: 3.1748, count: 1 },
        ],
        [
          { upto: 2, count: 98 },
          { upto: 6.3496, count: 2 },
        ],
      ],
    );
  });

  it("tells what became of the slow ones", () => {
    const result: SlowReaderResult = {
      scenario: "slow-reader",
      settings: {
        database: "embedded",
        members: 2,
        slow_readers: 3,
        rounds: 1,
        messages_per_second: 10,
        text_bytes: 100,
        seconds: 4,
        trickle_bytes_per_second: 500,
        raised_limits: { syncRatePerSecond: 100 },
      },
      ...circumstances,
      ...summary,
      series: [],
      verified: {
        sent: 9,
        acked: 9,
        delivered: 45,
        lost: 0,
        duplicated: 0,
        reordered: 0,
        durable_rows: 9,
        repeated: 1,
      },
    };
    const report = toSlowReaderReport(result);
    const parts = [
      "p99 with slow readers ÷ without: 6.00",
      "2 times a device stopped reading: 1 kept the connection, 1 were closed (seen as 4002) and came back",
      "40–40 messages behind, all had everything 1.5–2.5 s after",
      "1 times a device read 500 bytes a second: 1 kept the connection, 0 were closed and came back",
      "with slow readers: 2 WebSocket messages dropped, frames sent again 3 times",
      "and without: 0 WebSocket messages dropped",
      "syncRatePerSecond 100",
    ];
    for (const part of parts) assert.ok(report.includes(part), `${part} in\n${report}`);
    assert.deepEqual(JSON.parse(JSON.stringify(result)), result);
  });
});
