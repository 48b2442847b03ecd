import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { type ConversationLog, receive, releaseOverdue } from "../../gateway/downlink/conversation-log.js";
import { LogEntrySchema } from "../../gen/ts/tidewire/v1/delivery_pb.js";

const limits = { holdMs: 50, heldMax: 4 };

/** A log that is fed seqs and says which go out. */
function world(heldMax = limits.heldMax) {
  let log: ConversationLog | undefined;
  const out = (entries: readonly { seq: bigint }[]) => entries.map(({ seq }) => Number(seq));
  return {
    get log() {
      assert.ok(log);
      return log;
    },
    receive(seq: number, nowMs = 0): number[] {
      const entry = create(LogEntrySchema, { conversationId: 9n, seq: BigInt(seq) });
      const [next, released] = receive(log, entry, nowMs, { ...limits, heldMax });
      log = next;
      return out(released);
    },
    releaseOverdue(nowMs: number): number[] {
      assert.ok(log);
      const [next, released] = releaseOverdue(log, nowMs);
      log = next;
      return out(released);
    },
  };
}

describe("conversation log", () => {
  it("lets entries out in order", () => {
    const { receive } = world();
    assert.deepEqual(
      [1, 2, 3].map((seq) => receive(seq)),
      [[1], [2], [3]],
    );
  });

  it("drops what it has let out before", () => {
    const { receive } = world();
    receive(1);
    receive(2);
    assert.deepEqual(receive(2), []);
    assert.deepEqual(receive(1), []);
  });

  it("holds what has overtaken another, and lets both out in order when that comes", () => {
    const { receive } = world();
    receive(1);
    assert.deepEqual(receive(3), []);
    assert.deepEqual(receive(3), [], "held already");
    assert.deepEqual(receive(4), []);
    assert.deepEqual(receive(2), [2, 3, 4]);
    assert.deepEqual(receive(5), [5]);
  });

  it("mends one hole and goes on holding behind the next", () => {
    const { receive } = world();
    for (const seq of [1, 3, 5]) receive(seq);
    assert.deepEqual(receive(2), [2, 3]);
    assert.deepEqual(receive(4), [4, 5]);
  });

  it("gives up a hole after 50 ms, and not a millisecond before", () => {
    const { receive, releaseOverdue } = world();
    receive(1, 0);
    receive(4, 10);
    receive(3, 40);
    assert.deepEqual(releaseOverdue(59), []);
    assert.deepEqual(releaseOverdue(60), [3, 4]);
    assert.deepEqual(receive(5, 61), [5]);
    assert.deepEqual(receive(2, 62), [], "too late: devices have mended the hole by sync");
  });

  it("gives the second hole its own 50 ms when the first is mended", () => {
    const { receive, releaseOverdue } = world();
    receive(1, 0);
    receive(3, 0);
    receive(5, 45);
    assert.deepEqual(receive(2, 49), [2, 3]);
    assert.deepEqual(releaseOverdue(50), []);
    assert.deepEqual(releaseOverdue(98), []);
    assert.deepEqual(releaseOverdue(99), [5]);
  });

  it("has nothing overdue while nothing is held", () => {
    const { receive, releaseOverdue } = world();
    receive(1, 0);
    assert.deepEqual(releaseOverdue(1_000_000), []);
  });

  it("lets out what is older than itself: it was overtaken before this log was started", () => {
    const { receive } = world();
    assert.deepEqual(receive(7), [7]);
    assert.deepEqual(receive(5), [5]);
    assert.deepEqual(receive(6), [6]);
    assert.deepEqual(receive(8), [8]);
  });

  it("holds no more than its bound", () => {
    const { receive } = world();
    receive(1);
    for (const seq of [6, 5, 4, 3]) assert.deepEqual(receive(seq), []);
    assert.deepEqual(receive(8), [3, 4, 5, 6, 8]);
    assert.deepEqual(receive(9), [9]);
  });

  it("remembers when it was used last", () => {
    const given = world();
    given.receive(1, 5);
    assert.equal(given.log.lastUsedMs, 5);
    given.receive(1, 6);
    assert.equal(given.log.lastUsedMs, 6);
  });

  it("lets everything out once and in order, however entries are shuffled and doubled", () => {
    const arrivals = fc.shuffledSubarray(
      [...Array.from({ length: 30 }, (_, index) => index + 2), ...Array.from({ length: 30 }, (_, index) => index + 2)],
      { minLength: 60 },
    );
    fc.assert(
      fc.property(arrivals, (seqs) => {
        const { receive } = world(100);
        const released = [...receive(1), ...seqs.flatMap((seq) => receive(seq))];
        assert.deepEqual(
          released,
          Array.from({ length: 31 }, (_, index) => index + 1),
        );
      }),
    );
  });

  it("lets nothing out twice or out of order from its start on, even when holes are given up", () => {
    const steps = fc.array(fc.record({ seq: fc.integer({ min: 10, max: 40 }), waitMs: fc.nat(40) }), { maxLength: 60 });
    fc.assert(
      fc.property(steps, (arrivals) => {
        const given = world();
        const released = given.receive(10);
        let nowMs = 0;
        for (const { seq, waitMs } of arrivals) {
          nowMs += waitMs;
          released.push(...given.releaseOverdue(nowMs), ...given.receive(seq, nowMs));
          assert.ok(given.log.held.length <= limits.heldMax);
        }
        assert.deepEqual(
          released,
          [...new Set(released)].sort((a, b) => a - b),
        );
      }),
      { numRuns: 2_000 },
    );
  });
});
