import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { createSendTimes } from "../../gateway/downlink/send-times.js";

const periodMs = 10;

describe("send times", () => {
  it("know of a seq when it had been sent at the latest, less than a period late", () => {
    const gap = fc.record({ seqs: fc.integer({ min: 1, max: 5 }), ms: fc.nat(25) });
    const property = fc.property(fc.array(gap, { minLength: 1, maxLength: 40 }), (gaps) => {
      const times = createSendTimes({ periodMs, periodsMax: 1_000 });
      const sent: { seq: bigint; atMs: number }[] = [];
      let [seq, nowMs] = [100n, 5_000];
      for (const { seqs, ms } of gaps) {
        seq += BigInt(seqs);
        nowMs += ms;
        times.note(seq, nowMs);
        sent.push({ seq, atMs: nowMs });
      }
      for (const one of sent) {
        const sentByMs = times.sentByMs(one.seq) ?? Number.NaN;
        assert.ok(sentByMs >= one.atMs && sentByMs < one.atMs + periodMs, `${one.seq}: ${sentByMs}, ${one.atMs}`);
      }
      assert.equal(times.sentByMs(seq + 1n), undefined);
    });
    fc.assert(property);
  });

  it("remember so many periods, and take what is older for as old as the first of them", () => {
    const times = createSendTimes({ periodMs, periodsMax: 2 });
    for (const seq of [1n, 2n, 3n, 4n]) times.note(seq, Number(seq) * 100);
    assert.deepEqual([1n, 2n, 3n, 4n].map(times.sentByMs), [300, 300, 300, 400]);
  });

  it("forget what nobody asks for any more, and leave the rest as it was", () => {
    const times = createSendTimes({ periodMs, periodsMax: 10 });
    for (const seq of [2n, 4n, 6n]) times.note(seq, Number(seq) * 100);
    times.forgetUpTo(5n); // 6 shares its period with 5
    assert.deepEqual([5n, 6n, 7n].map(times.sentByMs), [600, 600, undefined]);
    times.forgetUpTo(6n);
    assert.equal(times.sentByMs(6n), undefined);
    times.note(7n, 800);
    assert.equal(times.sentByMs(7n), 800);
  });

  it("begin anew with a lower seq", () => {
    const times = createSendTimes({ periodMs, periodsMax: 10 });
    times.note(50n, 100);
    times.note(3n, 200);
    assert.deepEqual([2n, 3n, 4n].map(times.sentByMs), [200, 200, undefined]);
  });
});
