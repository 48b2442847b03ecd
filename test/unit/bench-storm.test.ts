import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { concat, encodeFrame, encodeSyncPage } from "../../gateway/frames/frames.js";
import type { MessageSchema } from "../../gen/ts/tidewire/v1/content_pb.js";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { type ServerFrame, ServerFrameSchema, SyncPageSchema } from "../../gen/ts/tidewire/v1/frame_pb.js";
import { mediansOf } from "../../tools/bench/figures/medians.js";
import type { Holding } from "../../tools/bench/generator/log-follower.js";
import { createLatencies } from "../../tools/bench/generator/timed-latencies.js";
import { textBytes, textOf } from "../../tools/bench/generator/workload.js";
import { outlinePages } from "../../tools/bench/storm/page-outline.js";
import { followPages, judgePages } from "../../tools/bench/storm/pages.js";
import { latenciesIn, type SeenStorm, summarizeStorms, toCounters } from "../../tools/bench/storm/storm-result.js";
import type { StormVerdict } from "../../tools/bench/storm/storm-stage.js";
import { type Given, judgeStorms } from "../../tools/bench/storm/storm-verdict.js";

type PageInit = MessageInitShape<typeof SyncPageSchema>;

const seat = { userId: 5n, token: "", deviceId: "bench", conversationId: 7n, headSeq: 0n };

/** The message at this seq of a log that user 5 alone has written. */
function message(seq: number, text = textOf(seq, 5n)): MessageInitShape<typeof MessageSchema> {
  const content = { body: { case: "text", value: { text } } } as const;
  return { conversationId: 7n, seq: BigInt(seq), clientId: BigInt(seq), senderId: 5n, senderDevice: 1, content };
}

function page(changes: PageInit): ServerFrame {
  return create(ServerFrameSchema, { frame: { case: "syncPage", value: { conversationId: 7n, ...changes } } });
}

function encodePage(requestId: bigint, changes: PageInit): Uint8Array {
  return encodeSyncPage(requestId, toBinary(SyncPageSchema, create(SyncPageSchema, changes)));
}

describe("the outline of a sync page", () => {
  it("counts messages, and tells whether there are more", () => {
    const first = encodePage(2n, {
      conversationId: 7n,
      messages: [message(1), message(2)],
      headSeq: 3n,
      hasMore: true,
    });
    const last = encodePage(3n, { conversationId: 7n, messages: [message(3)], headSeq: 3n });
    assert.deepEqual(outlinePages(concat([first, encodeFrame({ case: "heartbeatOk", value: {} }), last])), [
      { messages: 2, hasMore: true, error: 0, isReset: false },
      { messages: 1, hasMore: false, error: 0, isReset: false },
    ]);
  });

  it("tells that there are no messages because of an error, or because the device is to skip some", () => {
    const nothing = { messages: 0, hasMore: false, error: 0, isReset: false };
    const busy = encodePage(2n, { error: ErrorCode.BUSY });
    const reset = encodePage(2n, { reset: { floorSeq: 9n, headSeq: 10n } });
    assert.deepEqual(outlinePages(busy), [{ ...nothing, error: ErrorCode.BUSY }]);
    assert.deepEqual(outlinePages(reset), [{ ...nothing, isReset: true }]);
  });

  it("is not taken of a message that is cut short", () => {
    const whole = encodePage(2n, { messages: [message(1)] });
    assert.throws(() => outlinePages(whole.subarray(0, -1)));
  });
});

describe("the verdict on the pages of a device", () => {
  const frames = [page({ messages: [message(1), message(2)] }), page({ messages: [message(3)] })];
  const judge = (changed: readonly ServerFrame[]) =>
    judgePages([followPages(seat, changed, textBytes)], { messages: 3, visits: 1 });

  it("finds nothing wrong if it has every message once, in order, as it was sent", () => {
    assert.deepEqual(judge(frames), { synced: 3, lost: 0, duplicated: 0, problems: [] });
  });

  const spoilt: Record<string, [readonly ServerFrame[], RegExp]> = {
    "a page that never came": [[page({ messages: [message(1), message(2)] })], /user 5 got 2 of 3 messages/],
    "a hole": [[page({ messages: [message(1), message(3)] })], /user 5 got seq 3 after seq 1/],
    "a page that came twice": [[...frames, page({ messages: [message(3)] })], /user 5 got 1 messages twice/],
    "an order that is not the log's": [[page({ messages: [message(2), message(1), message(3)] })], /seq 2 after seq 0/],
    "another text": [
      [page({ messages: [message(1), message(2), message(3, "something else")] })],
      /seq 3, which nobody sent like this/,
    ],
    "a page of another conversation": [
      [...frames, page({ conversationId: 8n })],
      /user 5 got a page of conversation 8/,
    ],
    "an error that does not pass": [
      [...frames, page({ error: ErrorCode.UNKNOWN_CONVERSATION })],
      /user 5 got a page with the error UNKNOWN_CONVERSATION/,
    ],
    "a jump": [[...frames, page({ reset: { floorSeq: 1n } })], /user 5 was told to skip a part of the log/],
    "a push": [
      [...frames, create(ServerFrameSchema, { frame: { case: "push", value: { message: message(3) } } })],
      /user 5 got a push/,
    ],
  };
  for (const [what, [changed, problem]] of Object.entries(spoilt)) {
    it(`sees ${what}`, () => assert.match(judge(changed).problems.join("\n"), problem));
  }

  it("does not mind what was put off and asked for again", () => {
    assert.deepEqual(judge([page({ error: ErrorCode.UNAVAILABLE }), ...frames]).problems, []);
  });

  it("misses a device that never came", () => {
    const { problems } = judgePages([followPages(seat, frames, textBytes)], { messages: 3, visits: 2 });
    assert.deepEqual(problems, ["1 devices came, not 2"]);
  });
});

describe("the verdict on storms", () => {
  const options = { devices: 3, groupMembers: 2, messages: 3 };
  const holding = (holder: string): Holding => {
    const counts = { applied: 3, repeated: 0, misnumbered: 0, lost: 0, altered: 0 };
    return { holder, conversationId: 7n, ...counts, digest: "abc", problems: [] };
  };
  const given: Given = {
    sent: 3,
    acked: 3,
    live: [holding("user 1"), holding("user 2")],
    synced: [holding("user 3"), holding("user 4"), holding("user 5")],
    visits: 3,
    problems: [],
  };
  const rows: StormVerdict["with"] = {
    live: { durableRows: 3, problems: [] },
    synced: { durableRows: 6, problems: [] },
  };
  const judge = (changes: Partial<Given>, changedRows: Partial<typeof rows> = {}) =>
    judgeStorms(
      { without: given, with: { ...given, ...changes } },
      { without: rows, with: { ...rows, ...changedRows } },
      options,
    );

  it("adds up what was verified on both servers", () => {
    const judged = judge({});
    assert.ok(judged.kind === "flawless");
    const { sent, delivered, durable_rows, synced, synced_rows } = judged.verified;
    assert.deepEqual(
      { sent, delivered, durable_rows, synced, synced_rows },
      {
        sent: 6,
        delivered: 12,
        durable_rows: 6,
        synced: 18,
        synced_rows: 12,
      },
    );
  });

  const spoilt: Record<string, ReturnType<typeof judge>> = {
    "a live message that was not delivered": judge({ live: [holding("user 1"), { ...holding("user 2"), applied: 2 }] }),
    "a live message that is not in the database": judge({}, { live: { durableRows: 2, problems: [] } }),
    "a device that lacks a message": judge({
      synced: [holding("user 3"), holding("user 4"), { ...holding("user 5"), applied: 2 }],
    }),
    "a device that never came": judge({ synced: [holding("user 3"), holding("user 4")] }),
    "a row of a group that is gone": judge({}, { synced: { durableRows: 5, problems: [] } }),
    "a log that differs from the database's": judge(
      {},
      { synced: { durableRows: 6, problems: ["user 3 holds another"] } },
    ),
    "what a server said": judge({ problems: ["user 3 was cut off"] }),
  };
  for (const [what, judged] of Object.entries(spoilt)) {
    it(`sees ${what}`, () => assert.equal(judged.kind, "flawed"));
  }
});

describe("the figures of a storm", () => {
  /** One that begins at second 2: one device needs so long, another one a millisecond. */
  function seen(stormMs: number, liveMs: number, delayMs: number): SeenStorm {
    const timed = [1.9, 2, 2 + stormMs / 1_000 - 0.001, 2 + stormMs / 1_000].map((dueSeconds, index) => ({
      dueUs: 1e6 * dueSeconds,
      ms: index === 0 ? 1 : liveMs * index,
    }));
    return {
      devices: [
        { startUs: 2e6, caughtUpMs: stormMs },
        { startUs: 2e6, caughtUpMs: 1 },
      ],
      turnedAway: 0,
      putOff: 0,
      timed: { deliver: timed, ack: timed },
      late: [{ value: 0.1, count: 3 }],
      calmUs: 0,
      counters: { eventLoopDelayP99Ms: delayMs, here: 4, handedOver: 6 },
      cpu: { server: 10, database: undefined, window: { fromUs: 2e6, toUs: 3e6 } },
      liveBusyness: { cpuMs: 3, busyShare: 0.1 },
      devicesBusyness: { cpuMs: 5, busyShare: 0.6 },
    };
  }

  it("take live latencies of what was to be sent during the storm, and of what was before", () => {
    const { median } = summarizeStorms([{ without: seen(500, 10, 100), with: seen(500, 10, 100) }]);
    const { calm_deliver, live_deliver, live_ack, storm_ms, caught_up } = median.with;
    assert.deepEqual([calm_deliver.max, live_deliver.p50, live_deliver.max, live_ack.max], [1, 10, 20, 20]);
    assert.deepEqual([storm_ms, caught_up.p50, caught_up.max], [500, 1, 500]);
  });

  it("compare both servers round by round", () => {
    const storms = [
      { without: seen(500, 10, 100), with: seen(250, 20, 50) },
      { without: seen(1_000, 20, 200), with: seen(1_000, 20, 20) },
      { without: seen(400, 40, 100), with: seen(600, 20, 100) },
    ];
    const { ratio, rounds, histograms, series } = summarizeStorms(storms);
    assert.deepEqual(ratio.live_deliver_p99, { median: 1, min: 0.5, max: 2 });
    assert.deepEqual(ratio.event_loop_delay_p99, { median: 0.5, min: 0.1, max: 1 });
    assert.deepEqual(ratio.storm, { median: 1, min: 0.5, max: 1.5 });
    assert.equal(rounds.length, 3);
    const counts = histograms.map(({ name, bars }) => [name, bars.reduce((sum, { count }) => sum + count, 0)]);
    assert.deepEqual(counts, [
      ["live deliver, without", 6],
      ["live deliver, with", 6],
      ["caught up, without", 6],
      ["caught up, with", 6],
    ]);
    assert.deepEqual(series[2]?.points, [
      [0, 0],
      [0.1, 1],
      [0.2, 1],
      [0.3, 1],
      [0.4, 2],
    ]);
  });

  it("tell calls by where they were done, and the delay since the last reading", () => {
    const before = new Map([
      ['tidewire_placed_calls_total{place="here"}', 5],
      ["tidewire_event_loop_delay_p99_seconds", 9],
    ]);
    const after = new Map([
      ['tidewire_placed_calls_total{place="here"}', 7],
      ['tidewire_placed_calls_total{place="thread"}', 3],
      ["tidewire_event_loop_delay_p99_seconds", 0.25],
    ]);
    assert.deepEqual(toCounters(before, after), { eventLoopDelayP99Ms: 250, here: 2, handedOver: 3 });
  });

  it("have a window that ends before what belongs to the next one", () => {
    const timed = [10, 20].map((dueUs) => ({ dueUs, ms: 1 }));
    assert.equal(latenciesIn(timed, { fromUs: 10, toUs: 20 }).length, 1);
  });
});

describe("latencies", () => {
  it("are kept with their times only where that was asked for", () => {
    const [sizes, times] = [createLatencies(0.01, "sizes"), createLatencies(0.01, "times")];
    for (const latencies of [sizes, times]) latencies.record(1_000, 2);
    assert.deepEqual(sizes.observations(), times.observations());
    assert.deepEqual([sizes.timed(), times.timed()], [[], [{ dueUs: 1_000, ms: 2 }]]);
  });
});

describe("the medians of rounds", () => {
  it("are nested as rounds are, without what a round lacks", () => {
    const rounds: { total: number; cpu?: number; live: { p99: number } }[] = [
      { total: 1, cpu: 3, live: { p99: 30 } },
      { total: 2, live: { p99: 10 } },
      { total: 9, cpu: 5, live: { p99: 20 } },
    ];
    assert.deepEqual(mediansOf(rounds), { total: 2, live: { p99: 20 } });
  });
});
