import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { acknowledge, type Cursors } from "../../gateway/downlink/cursors.js";

/** What becomes of acks of one conversation whose head is 10. */
function after(...seqs: bigint[]): bigint | undefined {
  const cursors: Cursors = new Map();
  for (const seq of seqs) acknowledge(cursors, 9n, seq, 10n);
  return cursors.get(9n);
}

describe("cursors", () => {
  it("move forward, up to the head", () => {
    assert.equal(after(3n), 3n);
    assert.equal(after(3n, 10n), 10n);
  });

  it("do not move back, or stand still twice", () => {
    assert.equal(after(5n, 4n, 5n, 0n), 5n);
    assert.equal(after(0n), undefined);
  });

  it("ignore an ack beyond what was delivered here", () => {
    assert.equal(after(11n), undefined);
    assert.equal(after(5n, 11n, 2n ** 64n - 1n), 5n);
  });

  it("ignore an ack of a conversation that nothing was delivered from", () => {
    const cursors: Cursors = new Map();
    acknowledge(cursors, 9n, 1n, undefined);
    assert.equal(cursors.size, 0);
  });

  it("forget the conversation that was acknowledged longest ago when there are more than a thousand", () => {
    const cursors: Cursors = new Map();
    for (let id = 1n; id <= 1_000n; id++) acknowledge(cursors, id, 1n, 9n);
    acknowledge(cursors, 1n, 2n, 9n);
    acknowledge(cursors, 2_000n, 1n, 9n);
    assert.equal(cursors.size, 1_000);
    assert.equal(cursors.get(1n), 2n);
    assert.equal(cursors.has(2n), false);
  });
});
