import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { RisingMark } from "../../runtime/fabric/fabric.js";
import { createMemoryMarks } from "../../runtime/fabric/memory-marks.js";
import { createMetrics } from "../../runtime/metrics.js";
import { createDeliveredMarks } from "../../services/conversation/delivered-marks.js";

const mark = (userId: bigint, seq = 1n): RisingMark => ({ userId, conversationId: 7n, seq });

/** A store that remembers its batches, and on demand does something else first. */
function world(during: (batch: readonly RisingMark[]) => Promise<void> = async () => {}) {
  const marks = createMemoryMarks({ marksMax: 10_000 });
  const metrics = createMetrics();
  const batches: (readonly RisingMark[])[] = [];
  const logs = {
    async raiseDelivered(batch: readonly RisingMark[]) {
      await during(batch);
      batches.push(batch);
    },
  };
  const delivered = createDeliveredMarks({ marks, logs, metrics });
  return {
    marks,
    batches,
    metrics,
    flush: (signal = new AbortController().signal) => delivered.flush(signal),
  };
}

describe("delivered marks", () => {
  it("are written once each, in batches, and counted", async () => {
    const { marks, batches, metrics, flush } = world();
    await marks.raise(Array.from({ length: 2_500 }, (_, index) => mark(BigInt(index))));
    await flush();
    assert.deepEqual(
      batches.map((batch) => batch.length),
      [1_000, 1_000, 500],
    );
    assert.equal(new Set(batches.flat().map(({ userId }) => userId)).size, 2_500);
    assert.equal(marks.size, 0);
    assert.equal((await metrics.deliveredMarksWritten.get()).values[0]?.value, 2_500);
    await flush();
    assert.equal(batches.length, 3);
  });

  it("stay in the fabric if the store fails, and are written the next time", async () => {
    let failures = 1;
    const { marks, batches, flush } = world(async () => {
      if (failures-- > 0) throw new Error("the store is away");
    });
    await marks.raise([mark(1n)]);
    await assert.rejects(flush(), /away/);
    await flush();
    assert.deepEqual(batches, [[mark(1n)]]);
  });

  it("that are raised further while they are written are written again", async () => {
    const { marks, batches, flush } = world(async ([first]) => {
      if (first?.seq === 1n) await marks.raise([mark(1n, 2n)]);
    });
    await marks.raise([mark(1n, 1n)]);
    await flush();
    await flush();
    assert.deepEqual(batches, [[mark(1n, 1n)], [mark(1n, 2n)]]);
    assert.equal(marks.size, 0);
  });

  it("wait for the next time once writing them is stopped", async () => {
    const stop = new AbortController();
    const { marks, batches, flush } = world(async () => stop.abort());
    await marks.raise(Array.from({ length: 1_500 }, (_, index) => mark(BigInt(index))));
    await flush(stop.signal);
    assert.deepEqual([batches.length, marks.size], [1, 500]);
  });
});
