import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { createInbox, type Receipt } from "../../clients/typescript/src/inbox.js";
import { textMessage } from "../support/device-world.js";

const conversations = [1n, 2n];
/** As in SPEC.md. */
const earlyMax = 64;
const waitMs = 300;

/** A log as a set: what is there up to the first gap is applied, what is above it waits. */
class NaiveLog {
  /** Undefined: nothing is known of it. */
  cursor: bigint | undefined;
  early = new Set<bigint>();
  /** When the hole below the early ones is overdue; undefined if there is none, or once it was reported. */
  overdueAtMs: number | undefined;

  receive(seq: bigint, nowMs: number): { kind: Receipt["kind"]; applied: bigint[] } {
    const last = this.cursor ?? 0n;
    if (seq <= last) return { kind: "duplicate", applied: [] };
    if (seq === last + 1n) {
      this.cursor = seq;
      return { kind: "applied", applied: [seq, ...this.#applyEarly()] };
    }
    if (this.early.size === 0) this.overdueAtMs = nowMs + waitMs;
    if (this.early.size < earlyMax) this.early.add(seq);
    return { kind: this.cursor === undefined ? "unknown" : "early", applied: [] };
  }

  reset(floorSeq: bigint): bigint[] | undefined {
    if (this.cursor !== undefined && floorSeq <= this.cursor) return undefined;
    this.cursor = floorSeq;
    return this.#applyEarly();
  }

  #applyEarly(): bigint[] {
    const applied: bigint[] = [];
    let cursor = this.cursor ?? 0n;
    while (this.early.has(cursor + 1n)) {
      cursor += 1n;
      applied.push(cursor);
    }
    this.cursor = cursor;
    this.early = new Set([...this.early].filter((seq) => seq > cursor));
    if (this.early.size === 0) this.overdueAtMs = undefined;
    return applied;
  }
}

const command = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.record({
      kind: fc.constant("receive" as const),
      conversation: fc.nat(1),
      /** From the cursor on: 1 is the next. */
      ahead: fc.oneof(fc.constant(1), fc.integer({ min: -2, max: 4 }), fc.integer({ min: 1, max: 100 })),
      /** So many follow one another. */
      count: fc.oneof({ weight: 20, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: fc.nat(90) }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("reset" as const),
      conversation: fc.nat(1),
      ahead: fc.integer({ min: -3, max: 60 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("wait" as const), ms: fc.nat(400) }) },
);
const commands = fc.array(command, { maxLength: 120, size: "max" });

describe("inbox, beside sets of seqs,", () => {
  it("applies the same in the same order, keeps as much, and reports the same holes when they are overdue", () => {
    let full = 0;
    fc.assert(
      fc.property(commands, (sequence) => {
        const inbox = createInbox(new Map());
        const logs = new Map(conversations.map((id) => [id, new NaiveLog()]));
        const logOf = (index: number) => logs.get(conversations[index] ?? 1n) as NaiveLog;
        let nowMs = 0;
        for (const each of sequence) {
          if (each.kind === "wait") {
            nowMs += each.ms;
            const overdue = [...logs].filter(([, log]) => log.overdueAtMs !== undefined && log.overdueAtMs <= nowMs);
            for (const [, log] of overdue) log.overdueAtMs = undefined;
            const reported = inbox.overdue(nowMs).sort((one, other) => Number(one - other));
            assert.deepEqual(
              reported,
              overdue.map(([id]) => id),
            );
          } else {
            const conversationId = conversations[each.conversation] ?? 1n;
            const log = logOf(each.conversation);
            const seq = (log.cursor ?? 0n) + BigInt(each.ahead);
            if (seq < 1n) continue;
            if (each.kind === "receive") {
              for (let count = 0n; count < each.count; count += 1n) {
                const message = textMessage(seq + count, { conversationId });
                const receipt = inbox.receive(message, nowMs);
                const applied = receipt.kind === "applied" ? receipt.messages.map((kept) => kept.seq) : [];
                assert.deepEqual({ kind: receipt.kind, applied }, log.receive(message.seq, nowMs));
              }
            } else {
              const drained = inbox.reset(conversationId, seq);
              assert.deepEqual(
                drained?.map((message) => message.seq),
                log.reset(seq),
              );
            }
            if (log.early.size === earlyMax) full++;
          }
          for (const [id, log] of logs) {
            assert.equal(inbox.cursor(id), log.cursor ?? 0n);
            assert.equal(inbox.hasHole(id), log.early.size > 0);
          }
          const deadlines = [...logs.values()].flatMap(({ overdueAtMs }) => overdueAtMs ?? []);
          assert.equal(inbox.deadlineMs(), deadlines.length === 0 ? undefined : Math.min(...deadlines));
        }
      }),
      { numRuns: 1_000 },
    );
    assert.ok(full > 100, `the room for early messages was full ${full} times`);
  });
});
