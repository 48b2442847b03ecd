import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { summarizeLoss } from "../../tools/bench/loss/loss-result.js";
import { createSpells } from "../../tools/bench/loss/spells.js";

describe("the spells of a device", () => {
  it("end when it is logged in and has what there was then", () => {
    const spells = createSpells();
    spells.drop("reset", 100);
    assert.equal(spells.advance({ seq: 9n, stored: 9n }, 150), undefined, "not logged in");
    spells.ready({ seq: 5n, stored: 2n });
    assert.equal(spells.advance({ seq: 4n, stored: 2n }, 200), undefined, "a message is missing");
    assert.equal(spells.advance({ seq: 5n, stored: 1n }, 210), undefined, "one of its own is not stored");
    const recovery = spells.advance({ seq: 5n, stored: 2n }, 220);
    assert.deepEqual(recovery, { kind: "reset", droppedMs: 100, recoveryMs: 120 });
    assert.equal(spells.isUnwell, false);
  });

  it("go on if the connection is lost again, and count from the first drop", () => {
    const spells = createSpells();
    spells.drop("half-open", 100);
    spells.ready({ seq: 1n, stored: 0n });
    spells.drop("cut", 300);
    assert.equal(spells.advance({ seq: 1n, stored: 0n }, 310), undefined);
    spells.ready({ seq: 1n, stored: 0n });
    assert.deepEqual(spells.advance({ seq: 1n, stored: 0n }, 400), {
      kind: "half-open",
      droppedMs: 100,
      recoveryMs: 300,
    });
  });

  it("touch all messages that were due before their end", () => {
    const spells = createSpells();
    assert.equal(spells.wasUnwellSince(0), false);
    spells.drop("cut", 100);
    assert.equal(spells.wasUnwellSince(90), true);
    spells.ready({ seq: 0n, stored: 0n });
    spells.advance({ seq: 0n, stored: 0n }, 200);
    assert.deepEqual(
      [90, 200, 201].map((dueMs) => spells.wasUnwellSince(dueMs)),
      [true, true, false],
    );
  });
});

describe("the figures of lost connections", () => {
  it("tell recoveries of each kind, and when each happened", () => {
    const recoveries = [
      { kind: "cut", recoveryMs: 300, atUs: 3e6 },
      { kind: "reset", recoveryMs: 100, atUs: 2e6 },
      { kind: "cut", recoveryMs: 200, atUs: 4e6 },
    ] as const;
    const stretch = { deliver: [{ value: 1, count: 5 }], deliverDropped: [{ value: 50, count: 2 }], recoveries };
    const { recovery, recovery_by_kind, deliver_dropped, deliver_undisturbed, series } = summarizeLoss([stretch], 1e6);
    assert.deepEqual([recovery.p50, recovery.max], [200, 300]);
    assert.deepEqual(Object.keys(recovery_by_kind), ["reset", "cut"]);
    assert.equal(recovery_by_kind.cut?.drops, 2);
    assert.deepEqual([deliver_dropped.max, deliver_undisturbed.max], [50, 1]);
    assert.deepEqual(series?.[0]?.points, [
      [1, 100],
      [2, 300],
      [3, 200],
    ]);
  });
});
