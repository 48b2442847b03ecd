import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { TidewireError } from "../../runtime/error.js";
import { createIdGenerator, lowestIdAt, nodeOfId, timeOfId } from "../../runtime/ids.js";
import { createManualClock } from "../support/clock.js";

function world({ nodeId = 7, leaseMs = Number.POSITIVE_INFINITY } = {}) {
  const clock = createManualClock();
  let deadlineMs = leaseMs;
  const ids = createIdGenerator({ nodeId, clock, deadlineMonotonicMs: () => deadlineMs });
  return {
    clock,
    ids,
    renew: (ms: number) => {
      deadlineMs = ms;
    },
  };
}

describe("id generator", () => {
  it("says when and where an id was minted", () => {
    const { clock, ids } = world({ nodeId: 1023 });
    clock.advance(12_345);
    const id = ids.next();
    assert.equal(timeOfId(id), clock.nowMs());
    assert.equal(nodeOfId(id), 1023);
  });

  it("mints rising ids within one millisecond, and borrows from the next ones when that is full", () => {
    const { clock, ids } = world();
    const minted = Array.from({ length: 10_000 }, () => ids.next());
    for (const [index, id] of minted.entries()) if (index > 0) assert.ok(id > (minted[index - 1] ?? id));
    assert.equal(timeOfId(minted[4095] ?? 0n), clock.nowMs());
    assert.equal(timeOfId(minted[9999] ?? 0n), clock.nowMs() + 2);
  });

  it("keeps rising whatever the wall clock does", () => {
    const steps = fc.array(fc.integer({ min: -3_600_000, max: 3_600_000 }), { minLength: 1, maxLength: 50 });
    fc.assert(
      fc.property(steps, (stepsMs) => {
        const { clock, ids } = world();
        let last = ids.next();
        for (const stepMs of stepsMs) {
          clock.stepWall(stepMs);
          const id = ids.next();
          assert.ok(id > last);
          last = id;
        }
      }),
    );
  });

  it("mints other ids on another node at the same time", () => {
    const ofNode = (nodeId: number) => {
      const { ids } = world({ nodeId });
      return Array.from({ length: 5000 }, () => ids.next());
    };
    assert.equal(new Set([...ofNode(0), ...ofNode(1)]).size, 10_000);
  });

  it("stays within 63 bits until 2094, even with a clock that is absurdly late or early", () => {
    const { clock, ids } = world({ nodeId: 1023 });
    clock.stepWall(Date.UTC(1999, 0) - clock.nowMs());
    assert.ok(ids.next() > 0n);
    clock.stepWall(Date.UTC(2094, 0) - clock.nowMs());
    assert.ok(ids.next() < 2n ** 63n);
  });

  it("mints no id below the lowest of its millisecond, and every one below that of the next", () => {
    for (const nodeId of [0, 1023]) {
      const { clock, ids } = world({ nodeId });
      clock.advance(0.7);
      const id = ids.next();
      assert.ok(lowestIdAt(clock.nowMs()) <= id && id < lowestIdAt(clock.nowMs() + 1));
    }
    assert.equal(lowestIdAt(Date.UTC(1999, 0)), 0n);
  });

  it("refuses from the moment its lease runs out, until it is renewed", () => {
    const { clock, ids, renew } = world({ leaseMs: 1000 });
    clock.advance(999);
    ids.next();
    clock.advance(1);
    assert.throws(
      () => ids.next(),
      (thrown) => thrown instanceof TidewireError && thrown.code === ErrorCode.UNAVAILABLE,
    );
    renew(2000);
    ids.next();
  });

  it("refuses a node id of more than ten bits", () => {
    for (const nodeId of [-1, 1024, 1.5, Number.NaN]) assert.throws(() => world({ nodeId }), RangeError);
  });
});
