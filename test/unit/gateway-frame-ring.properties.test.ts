import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { createFrameRing, type FrameRing } from "../../gateway/downlink/frame-ring.js";

const framesMax = 5;
const bytesMax = 40;

type Command = { kind: "push"; skip: number; bytes: number } | { kind: "clear" } | { kind: "forget"; back: number };

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.record({
      kind: fc.constant("push" as const),
      skip: fc.oneof(
        { weight: 9, arbitrary: fc.constant(0) },
        { weight: 1, arbitrary: fc.integer({ min: -3, max: 3 }) },
      ),
      bytes: fc.oneof({ weight: 9, arbitrary: fc.nat(15) }, { weight: 1, arbitrary: fc.nat(60) }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: "clear" as const }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("forget" as const), back: fc.integer({ min: -2, max: 7 }) }) },
);

type Line = { seq: bigint; frame: Uint8Array; sentAtMs: number };

/** What a ring of these bounds holds: an array that is cut at its front until it fits. */
function addTo(lines: readonly Line[], line: Line): Line[] {
  const last = lines.at(-1);
  const kept = last && last.seq + 1n === line.seq ? [...lines, line] : [line];
  while (kept.length > framesMax || bytesOf(kept) > bytesMax) kept.shift();
  return kept;
}

const bytesOf = (lines: readonly Line[]) => lines.reduce((sum, { frame }) => sum + frame.length, 0);

/** Asks for every stretch around what there is. */
function compare(ring: FrameRing, lines: readonly Line[], lastSeq: bigint) {
  assert.equal(ring.bytes, bytesOf(lines));
  for (let first = lastSeq - 7n; first <= lastSeq + 2n; first++) {
    assert.equal(ring.sentAtMs(first), lines.find(({ seq }) => seq === first)?.sentAtMs);
    for (let last = first - 1n; last <= lastSeq + 2n; last++) {
      const expected = lines.filter(({ seq }) => seq >= first && seq <= last).map(({ frame }) => frame);
      const isWhole = expected.length > 0 && BigInt(expected.length) === last - first + 1n;
      assert.deepEqual(ring.range(first, last), isWhole ? expected : undefined);
    }
  }
}

describe("a frame ring beside a plain array", () => {
  it("gives the same stretches and times, within its bounds of frames and bytes", () => {
    const property = fc.property(fc.array(command, { maxLength: 40 }), (commands) => {
      const ring = createFrameRing({ framesMax, bytesMax });
      let lines: Line[] = [];
      let seq = 100n;
      for (const [index, one] of commands.entries()) {
        if (one.kind === "clear") {
          ring.clear();
          lines = [];
        } else if (one.kind === "forget") {
          const upTo = seq - BigInt(one.back);
          ring.forgetUpTo(upTo);
          lines = lines.filter((line) => line.seq > upTo);
        } else {
          seq += 1n + BigInt(one.skip);
          const line = { seq, frame: new Uint8Array(one.bytes).fill(index), sentAtMs: index };
          ring.push(seq, line.frame, index);
          lines = addTo(lines, line);
        }
      }
      compare(ring, lines, seq);
    });
    fc.assert(property, { numRuns: 5_000 });
  });
});
