import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { decodeClientFrame } from "../../clients/typescript/src/frames.js";
import { createOutbox } from "../../clients/typescript/src/outbox.js";
import { NackReason, UpNackSchema } from "../../gen/ts/tidewire/v1/frame_pb.js";
import { defaultLimits } from "../../gen/ts/tidewire/v1/limits.js";

const limits = { ...defaultLimits, inFlightMax: 4, inFlightMaxBytes: 300 };

type Entry = { clientId: number; bytes: number; text: string };

/** The window as one would draw it on paper: what is not settled, and which of it was sent since it was last called back. */
class NaiveOutbox {
  entries: Entry[] = [];
  next = 1;
  line: { state: "shut" | "flowing" } | { state: "settling"; through: number; conflicting: Set<number> } = {
    state: "shut",
  };
  sent = new Set<number>();
  pausedUntilMs = 0;
  #retransmitAtMs: number | undefined;
  #retransmissions = 0;
  #lastHole = 0;

  add(bytes: number, text: string): void {
    this.entries.push({ clientId: this.next, bytes, text });
    this.next += 1;
  }

  open(lastClientId: number): void {
    this.sent.clear();
    this.line = { state: "settling", through: lastClientId, conflicting: new Set() };
    this.#advanceLine();
  }

  shut(): void {
    this.line = { state: "shut" };
    this.pausedUntilMs = 0;
    this.#retransmitAtMs = undefined;
    this.#retransmissions = 0;
    this.#lastHole = 0;
  }

  due(nowMs: number): number[] {
    if (this.line.state === "shut" || nowMs < this.pausedUntilMs) return [];
    if (this.#retransmitAtMs !== undefined && nowMs >= this.#retransmitAtMs) {
      this.sent.clear();
      this.#retransmissions += 1;
      this.#retransmitAtMs = undefined;
    }
    const due = this.#window().filter(({ clientId }) => !this.sent.has(clientId));
    for (const { clientId } of due) this.sent.add(clientId);
    if (this.#retransmitAtMs === undefined && this.#isAnyUnderWay()) this.#arm(nowMs);
    return due.map(({ clientId }) => clientId);
  }

  /** The first entries that may be sent at all, as many as there is room for; one always has room. */
  #window(): Entry[] {
    const window: Entry[] = [];
    let bytes = 0;
    for (const entry of this.entries) {
      if (this.line.state === "settling" && entry.clientId > this.line.through) break;
      if (this.#isConflicting(entry.clientId)) continue;
      bytes += entry.bytes;
      if (window.length > 0 && (window.length >= limits.inFlightMax || bytes > limits.inFlightMaxBytes)) break;
      window.push(entry);
    }
    return window;
  }

  settle(clientId: number, nowMs: number): boolean {
    if (!this.entries.some((entry) => entry.clientId === clientId)) return false;
    this.entries = this.entries.filter((entry) => entry.clientId !== clientId);
    this.#lastHole = 0;
    this.#beginPatience(nowMs);
    this.#advanceLine();
    return true;
  }

  pause(expected: number, nowMs: number, retryAfterMs: number): void {
    if (this.line.state === "shut") return;
    this.#callBack(expected);
    this.pausedUntilMs = nowMs + (retryAfterMs || 1_000);
    this.#retransmitAtMs = undefined;
  }

  hole(expected: number): "kept" | "lost" {
    if (this.line.state === "shut") return "kept";
    if (!this.#has(expected) && expected !== this.next) return "lost";
    if (expected !== this.#lastHole) this.#callBack(expected);
    this.#lastHole = expected;
    return "kept";
  }

  conflict(clientId: number, nowMs: number): "kept" | "lost" {
    if (this.line.state === "shut" || !this.#has(clientId)) return "kept";
    if (this.line.state !== "settling" || clientId > this.line.through) return "lost";
    this.line.conflicting.add(clientId);
    this.#beginPatience(nowMs);
    this.#advanceLine();
    return "kept";
  }

  #beginPatience(nowMs: number): void {
    this.#retransmissions = 0;
    this.#retransmitAtMs = undefined;
    if (this.#isAnyUnderWay()) this.#arm(nowMs);
  }

  #has(clientId: number): boolean {
    return this.entries.some((entry) => entry.clientId === clientId);
  }

  #isConflicting(clientId: number): boolean {
    return this.line.state === "settling" && this.line.conflicting.has(clientId);
  }

  #isAnyUnderWay(): boolean {
    return this.entries.some(({ clientId }) => this.sent.has(clientId) && !this.#isConflicting(clientId));
  }

  #callBack(expected: number): void {
    this.sent = new Set([...this.sent].filter((clientId) => clientId < expected));
  }

  #arm(nowMs: number): void {
    this.#retransmitAtMs = nowMs + Math.min(30_000, 1_000 * 2 ** this.#retransmissions);
  }

  #advanceLine(): void {
    if (this.line.state !== "settling") return;
    const { through, conflicting } = this.line;
    if (this.entries.some(({ clientId }) => clientId <= through && !conflicting.has(clientId))) return;
    this.line = { state: "flowing" };
    this.sent.clear();
    this.entries = this.entries.map((entry, index) => ({ ...entry, clientId: through + 1 + index }));
    this.next = through + 1 + this.entries.length;
  }
}

/** Which of the entries is meant, or one that is not there. */
const which = fc.integer({ min: -1, max: 6 });
const commands = fc.array(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({ kind: fc.constant("add" as const), length: fc.oneof(fc.nat(20), fc.nat(150)) }),
    },
    {
      weight: 10,
      arbitrary: fc.record({ kind: fc.constant("wait" as const), ms: fc.oneof(fc.nat(50), fc.nat(4_000)) }),
    },
    { weight: 6, arbitrary: fc.record({ kind: fc.constant("settle" as const), which }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("busy" as const), which, retryAfterMs: fc.nat(2_000) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("hole" as const), which }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("conflict" as const), which }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("login" as const), last: fc.integer({ min: -3, max: 6 }) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("shut" as const) }) },
  ),
  { maxLength: 80, size: "max" },
);

describe("outbox, beside a window on paper,", () => {
  it("sends the same at the same time, keeps the order and the content, and gives the same new numbers", () => {
    const counts = { sent: 0, lost: 0, renumbered: 0, retransmitted: 0 };
    fc.assert(
      fc.property(commands, (sequence) => {
        const outbox = createOutbox({ nextClientId: 1n, outbox: new Map() }, () => 0);
        const naive = new NaiveOutbox();
        const everSent = new Set<number>();
        let nowMs = 0;
        const pick = (index: number) => naive.entries[index]?.clientId ?? naive.next;

        /** A text that makes the frame as long as it is, and tells it from all others. */
        function add(length: number) {
          const text = `${counts.sent}.${naive.next}${"x".repeat(length)}`;
          const body = { case: "text" as const, value: { $typeName: "tidewire.v1.Text" as const, text } };
          const content = { $typeName: "tidewire.v1.Content" as const, body };
          const { clientId, writes } = outbox.add({ target: { case: "conversationId", value: 1n }, content });
          const [put] = writes;
          assert.equal(clientId, BigInt(naive.next));
          naive.add(put?.kind === "outbox-put" ? put.frame.length : 0, text);
        }

        function refuse(expected: number, reason: NackReason, retryAfterMs = 0) {
          return outbox.refuse(create(UpNackSchema, { expected: BigInt(expected), reason, retryAfterMs }), nowMs).kind;
        }

        outbox.open(0n, limits);
        naive.open(0);
        for (const command of sequence) {
          const before = naive.entries.map(({ clientId }) => clientId);
          switch (command.kind) {
            case "add":
              add(command.length);
              break;
            case "wait":
              nowMs += command.ms;
              break;
            case "settle": {
              const clientId = pick(command.which);
              const settlement = outbox.settle(BigInt(clientId), "ack", nowMs);
              assert.equal(settlement !== undefined, naive.settle(clientId, nowMs));
              break;
            }
            case "busy": {
              const expected = pick(command.which);
              assert.equal(refuse(expected, NackReason.BUSY, command.retryAfterMs), "kept");
              naive.pause(expected, nowMs, command.retryAfterMs);
              break;
            }
            case "hole": {
              const expected = command.which < 0 ? naive.next + 3 : pick(command.which);
              const outcome = refuse(expected, NackReason.HOLE);
              assert.equal(outcome, naive.hole(expected));
              if (outcome === "lost") counts.lost++;
              break;
            }
            case "conflict":
              assert.equal(
                refuse(pick(command.which), NackReason.CONFLICT),
                naive.conflict(pick(command.which), nowMs),
              );
              break;
            case "login": {
              const first = naive.entries[0]?.clientId ?? naive.next;
              const last = Math.max(0, first - 1 + command.last);
              outbox.shut();
              naive.shut();
              outbox.open(BigInt(last), limits);
              naive.open(last);
              everSent.clear();
              break;
            }
            case "shut":
              outbox.shut();
              naive.shut();
          }
          const after = naive.entries.map(({ clientId }) => clientId);
          if (after.some((clientId) => !before.includes(clientId)) && command.kind !== "add") counts.renumbered++;

          const sent = outbox.due(nowMs).map((frame) => decodeClientFrame(frame));
          const expected = naive.due(nowMs);
          assert.deepEqual(
            sent.map((frame) => (frame.case === "upMsg" ? Number(frame.value.clientId) : frame.case)),
            expected,
          );
          for (const clientId of expected) {
            if (everSent.has(clientId)) counts.retransmitted++;
            everSent.add(clientId);
          }
          counts.sent += expected.length;
          const held = [...outbox.entries()].map(([clientId, { content }]) => [Number(clientId), content?.body.value]);
          assert.deepEqual(
            held.map(([clientId, value]) => `${clientId} ${(value as { text: string }).text}`),
            naive.entries.map(({ clientId, text }) => `${clientId} ${text}`),
          );
        }
      }),
      { numRuns: 2_000 },
    );
    assert.ok(
      Object.values(counts).every((count) => count > 100),
      JSON.stringify(counts),
    );
  });
});
