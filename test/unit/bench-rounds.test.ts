import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { oneSends } from "../../tools/bench/big-group/big-group.js";
import type { PartReport } from "../../tools/bench/generator/generator-calls.js";
import { mergeParts } from "../../tools/bench/group/round-report.js";
import type { Verdict } from "../../tools/bench/group/verifier.js";

const flawless = { lost: 0, duplicated: 0, reordered: 0, altered: 0, problems: [], log: [] };
const verdict: Verdict = { ...flawless, members: 2, sent: 1, acked: 0, delivered: 2 };

/** What a generator has seen whose members got a message at these times, on the machine's clock. */
function part(arrivalsMs: readonly number[], changes: Partial<PartReport> = {}): PartReport {
  return {
    startUs: undefined,
    deliveries: arrivalsMs.map((ms) => ({ value: 1_000 * ms, count: 1 })),
    acked: [],
    busyness: { cpuMs: 10, busyShare: 0.25 },
    acks: 2,
    verdict,
    messages: [],
    ...changes,
  };
}

describe("a round that several generators have seen", () => {
  const sending = part([5_010, 5_030], {
    startUs: 5_000_000,
    acked: [{ value: 5_012_000, count: 1 }],
    busyness: { cpuMs: 30, busyShare: 0.5 },
    verdict: { ...verdict, acked: 1 },
    messages: [Uint8Array.of(1)],
  });

  it("counts from the first send, wherever that was, to the last delivery, wherever that is", () => {
    const { totalMs, deliver, ack, window } = mergeParts([sending, part([5_020, 5_040])]);
    assert.deepEqual([totalMs, deliver.p50, deliver.max, ack.max], [40, 20, 40, 12]);
    assert.deepEqual(window, { fromUs: 5_000_000, toUs: 5_040_000 });
  });

  it("adds up what they used, and tells how busy the busiest was", () => {
    const { busyness, acks, verdict, messages } = mergeParts([sending, part([5_020])]);
    assert.deepEqual(busyness, { cpuMs: 40, busyShare: 0.5 });
    assert.deepEqual([acks, verdict.members, verdict.acked, messages.length], [4, 4, 1, 1]);
  });

  it("has no latency if nothing was delivered", () => {
    const { totalMs, deliver } = mergeParts([part([], { startUs: 5_000_000 })]);
    assert.deepEqual([totalMs, deliver.p50], [0, Number.POSITIVE_INFINITY]);
  });
});

describe("the turns of a big group", () => {
  const members = [101n, 102n, 103n].map((userId) => ({ userId, device: 1 }));

  it("come round, and each member's messages are numbered", () => {
    const sent = [1, 2, 3, 4, 5].flatMap((round) => oneSends(members, round));
    assert.deepEqual(
      sent.map(({ senderId, clientId }) => [senderId, clientId]),
      [
        [101n, 1n],
        [102n, 1n],
        [103n, 1n],
        [101n, 2n],
        [102n, 2n],
      ],
    );
    assert.equal(new Set(sent.map(({ text }) => text)).size, 5);
  });
});
