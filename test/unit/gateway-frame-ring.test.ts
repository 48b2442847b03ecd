import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createFrameRing, type FrameRingLimits } from "../../gateway/downlink/frame-ring.js";

/** A ring, and its frames as the bytes of which they are. */
function world(limits: Partial<FrameRingLimits> = {}) {
  const ring = createFrameRing({ framesMax: 4, bytesMax: 1_000, ...limits });
  return {
    ring,
    /** The frame of a seq is filled with it, and it was sent at ten times that. */
    push: (seq: number, bytes = 1) => ring.push(BigInt(seq), new Uint8Array(bytes).fill(seq), seq * 10),
    range: (first: number, last: number) => ring.range(BigInt(first), BigInt(last))?.map(([byte]) => byte),
  };
}

describe("frame ring", () => {
  it("gives any stretch of what was added, in order", () => {
    const { push, range } = world();
    for (const seq of [7, 8, 9]) push(seq);
    assert.deepEqual(range(7, 9), [7, 8, 9]);
    assert.deepEqual(range(8, 8), [8]);
    assert.deepEqual(range(8, 9), [8, 9]);
  });

  it("gives nothing of a stretch that it does not hold to both ends", () => {
    const { push, range } = world();
    assert.equal(range(1, 1), undefined, "empty");
    for (const seq of [7, 8, 9]) push(seq);
    assert.equal(range(6, 9), undefined);
    assert.equal(range(8, 10), undefined);
    assert.equal(range(10, 12), undefined);
    assert.equal(range(1, 2), undefined);
    assert.equal(range(9, 8), undefined, "of nothing there is nothing");
  });

  it("remembers when each was sent", () => {
    const { push, ring } = world();
    push(7);
    push(8);
    assert.deepEqual([6n, 7n, 8n, 9n].map(ring.sentAtMs), [undefined, 70, 80, undefined]);
  });

  it("keeps no more frames than its bound, the latest", () => {
    const { push, range } = world({ framesMax: 3 });
    for (let seq = 1; seq <= 20; seq++) {
      push(seq);
      const first = Math.max(1, seq - 2);
      assert.equal(range(first - 1, seq), undefined);
      assert.equal(range(first, seq)?.length, seq - first + 1);
    }
  });

  it("keeps no more bytes than its bound", () => {
    const { push, range, ring } = world({ framesMax: 100, bytesMax: 10 });
    for (const seq of [1, 2, 3]) push(seq, 4);
    assert.equal(ring.bytes, 8);
    assert.equal(range(1, 3), undefined);
    assert.deepEqual(range(2, 3), [2, 3]);
  });

  it("does not keep a frame that is larger than its bound, and goes on after it", () => {
    const { push, range, ring } = world({ bytesMax: 10 });
    push(1, 4);
    push(2, 11);
    assert.equal(ring.bytes, 0);
    assert.equal(range(2, 2), undefined);
    push(3, 4);
    assert.deepEqual(range(3, 3), [3]);
    assert.equal(range(2, 3), undefined);
  });

  it("begins anew where a seq is left out, and where one comes again", () => {
    const { push, range, ring } = world();
    for (const seq of [1, 2, 4]) push(seq);
    assert.equal(range(2, 4), undefined);
    assert.equal(range(2, 2), undefined);
    assert.deepEqual(range(4, 4), [4]);
    assert.equal(ring.bytes, 1);
    push(4);
    assert.equal(ring.bytes, 1);
    push(3);
    assert.deepEqual(range(3, 3), [3]);
    assert.equal(range(4, 4), undefined);
  });

  it("holds nothing once it is cleared, and can be used again", () => {
    const { push, range, ring } = world();
    for (const seq of [1, 2]) push(seq, 5);
    ring.clear();
    assert.equal(ring.bytes, 0);
    assert.equal(range(1, 2), undefined);
    assert.equal(ring.sentAtMs(2n), undefined);
    push(3);
    assert.deepEqual(range(3, 3), [3]);
    assert.equal(range(2, 3), undefined);
  });

  it("forgets what is not needed any more, and goes on", () => {
    const { push, range, ring } = world();
    for (const seq of [1, 2, 3]) push(seq);
    ring.forgetUpTo(2n);
    assert.equal(range(2, 3), undefined);
    assert.deepEqual(range(3, 3), [3]);
    ring.forgetUpTo(9n);
    assert.equal(ring.bytes, 0);
    push(4);
    assert.deepEqual(range(4, 4), [4]);
    assert.equal(range(3, 4), undefined);
  });

  it("copies a frame, so that nobody changes it and it keeps nothing larger alive", () => {
    const { ring } = world();
    const payload = new Uint8Array(1_000_000).fill(1);
    const frame = payload.subarray(10, 20);
    ring.push(1n, frame, 0);
    frame.fill(2);
    const [kept] = ring.range(1n, 1n) ?? [];
    assert.deepEqual(kept, new Uint8Array(10).fill(1));
    assert.equal(kept?.buffer.byteLength, 10);
  });

  it("lets go of the memory of what it has dropped", () => {
    const mebibyte = 1024 * 1024;
    const { push } = world({ framesMax: 1_000, bytesMax: mebibyte });
    const before = bytesOfBuffers();
    for (let seq = 1; seq <= 500; seq++) push(seq, 128 * 1024);
    const grown = bytesOfBuffers() - before;
    assert.ok(grown < 8 * mebibyte, `the ring says that it holds a mebibyte, and holds ${grown} bytes`);
    push(501);
  });
});

function bytesOfBuffers(): number {
  setFlagsFromString("--expose-gc");
  const collect: () => void = runInNewContext("gc");
  collect();
  collect(); // buffers are freed beside the program; a second collection waits for the first one's
  return process.memoryUsage().arrayBuffers;
}
