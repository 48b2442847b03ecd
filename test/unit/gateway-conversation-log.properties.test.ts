import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { feedLog, type LogFeed } from "../support/log-feed.js";

const limits = { holdMs: 50, fetchMs: 200, heldMax: 6 };

type Step = {
  seq: number;
  waitMs: number;
  /** What becomes of the next question to the store: how long it takes, and which of the missing entries it brings. */
  answer: { afterMs: number; brings: number };
};

const step: fc.Arbitrary<Step> = fc.record({
  seq: fc.integer({ min: 6, max: 40 }),
  waitMs: fc.nat(60),
  answer: fc.record({ afterMs: fc.nat(400), brings: fc.nat(1_023) }),
});

/** A log as a gateway drives it, with everything that has to hold at each step. */
class Drive {
  readonly released: number[] = [];
  readonly #feed: LogFeed;
  readonly #answers: { atMs: number; seqs: number[] }[] = [];
  #nowMs = 0;

  constructor(startSeq: number) {
    this.#feed = feedLog({ startSeq, limits });
  }

  take({ seq, waitMs, answer }: Step) {
    for (let ms = 0; ms < waitMs; ms++) this.#pass(answer);
    this.#receive(seq);
  }

  /** Nothing more comes. */
  rest() {
    for (let ms = 0; ms <= limits.holdMs + limits.fetchMs; ms++) this.#pass({ afterMs: 0, brings: 0 });
  }

  get heldCount() {
    return this.#feed.log.held.length;
  }

  #pass(answer: Step["answer"]) {
    this.#nowMs++;
    for (const { atMs, seqs } of this.#answers.splice(0)) {
      if (atMs > this.#nowMs) this.#answers.push({ atMs, seqs });
      else this.#takeAnswer(seqs);
    }
    const remedy = this.#feed.mend(this.#nowMs);
    if (remedy === "none") return;
    if ("release" in remedy) return this.#release(remedy.release);
    const [first, last] = remedy.fetch;
    assert.equal(first, Number(this.#feed.log.headSeq) + 1, "it asks for what is missing from the head on");
    assert.ok(first <= last && last < Number(this.#feed.log.held[0]?.seq));
    const missing = Array.from({ length: last - first + 1 }, (_, index) => first + index);
    const seqs = missing.filter((_, index) => (answer.brings >> (index % 10)) & 1);
    this.#answers.push({ atMs: this.#nowMs + answer.afterMs, seqs });
  }

  #takeAnswer(seqs: number[]) {
    for (const seq of seqs) this.#receive(seq);
    this.#release(this.#feed.finishFetch());
    this.#check();
  }

  #receive(seq: number) {
    const { headSeq, startSeq } = this.#feed.log;
    const out = this.#feed.receive(seq, this.#nowMs);
    if (seq < Number(startSeq)) {
      assert.deepEqual(out, [seq], "what is older than the log goes out");
      return;
    }
    const inOrder = out.map((_, index) => Number(headSeq) + 1 + index);
    assert.deepEqual(out, inOrder, "nothing passes a hole because another entry has come");
    assert.equal(out.length > 0, seq === Number(headSeq) + 1, "and the one that is missing always goes out");
    this.#release(out);
    this.#check();
  }

  #release(seqs: number[]) {
    this.released.push(...seqs);
  }

  #check() {
    const { headSeq, held, hole } = this.#feed.log;
    assert.ok(held.length <= limits.heldMax);
    assert.equal(hole === undefined, held.length === 0);
    if (hole) assert.ok(hole.untilMs <= this.#nowMs + limits.fetchMs, "a hole has its time");
    let above = headSeq + 1n; // right above the head there is the hole
    for (const { seq } of held) {
      assert.ok(seq > above);
      above = seq;
    }
  }
}

describe("a conversation log, whatever overtakes what, comes twice, or is lost", () => {
  const steps = fc.array(step, { maxLength: 60 });

  it("lets out rising seqs, each once, and passes a hole only when that was given up", () => {
    const property = fc.property(steps, (all) => {
      const drive = new Drive(10);
      for (const one of all) drive.take(one);
      const { released } = drive;
      assert.deepEqual(
        released,
        [...new Set(released)].sort((a, b) => a - b),
      );
    });
    fc.assert(property, { numRuns: 3_000 });
  });

  it("holds nothing for ever", () => {
    const property = fc.property(steps, (all) => {
      const drive = new Drive(10);
      for (const one of all) drive.take(one);
      drive.rest();
      assert.equal(drive.heldCount, 0);
    });
    fc.assert(property, { numRuns: 1_000 });
  });

  it("lets everything out once and in order if nothing is lost and no hole is given up", () => {
    const seqs = Array.from({ length: 30 }, (_, index) => index + 1);
    const arrivals = fc.shuffledSubarray([...seqs, ...seqs], { minLength: 60 });
    const property = fc.property(arrivals, (arriving) => {
      const { receive } = feedLog({ startSeq: 1, limits: { heldMax: 100 } });
      assert.deepEqual(
        arriving.flatMap((seq) => receive(seq)),
        seqs,
      );
    });
    fc.assert(property, { numRuns: 1_000 });
  });
});
