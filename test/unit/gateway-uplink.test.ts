import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { accept, classify, createUplink, fallBack, report, settle, type Uplink } from "../../gateway/uplink/uplink.js";

const limits = { inFlightMax: 4, inFlightMaxBytes: 100 };

/** An uplink with messages of these sizes in flight, after client_id 10. */
function after10(...bytes: number[]): Uplink {
  return bytes.reduce(accept, createUplink(10n));
}

describe("uplink", () => {
  it("takes the next client_id", () => {
    assert.deepEqual(classify(createUplink(10n), 11n, 5, limits), { kind: "next" });
    assert.deepEqual(classify(after10(5, 5), 13n, 5, limits), { kind: "next" });
  });

  it("knows what is settled from what is in flight", () => {
    const uplink = after10(5, 5);
    assert.deepEqual(classify(uplink, 1n, 5, limits), { kind: "settled" });
    assert.deepEqual(classify(uplink, 10n, 5, limits), { kind: "settled" });
    assert.deepEqual(classify(uplink, 11n, 5, limits), { kind: "silence" });
    assert.deepEqual(classify(uplink, 12n, 5, limits), { kind: "silence" });
  });

  it("reports a hole once, and again after it has moved", () => {
    const arrival = classify(createUplink(10n), 13n, 5, limits);
    assert.deepEqual(arrival, { kind: "nack", nack: { expected: 11n, reason: "hole", retryAfterMs: 0 } });
    const reported = report(createUplink(10n), { expected: 11n, reason: "hole", retryAfterMs: 0 });
    assert.deepEqual(classify(reported, 13n, 5, limits), { kind: "silence" });
    assert.equal(classify(accept(reported, 5), 13n, 5, limits).kind, "nack");
  });

  it("bounds what is in flight by number", () => {
    assert.equal(classify(after10(1, 1, 1), 14n, 1, limits).kind, "next");
    assert.deepEqual(classify(after10(1, 1, 1, 1), 15n, 1, limits), {
      kind: "nack",
      nack: { expected: 15n, reason: "busy", retryAfterMs: 200 },
    });
  });

  it("bounds what is in flight by bytes, to the byte", () => {
    assert.equal(classify(after10(60), 12n, 40, limits).kind, "next");
    assert.equal(classify(after10(60), 12n, 41, limits).kind, "nack");
  });

  it("takes one message however large, if nothing else is in flight", () => {
    assert.equal(classify(createUplink(10n), 11n, 1_000, limits).kind, "next");
  });

  it("gives room back as outcomes arrive", () => {
    const uplink = settle(after10(60, 40), 11n);
    assert.deepEqual(uplink.inFlightBytes, [40]);
    assert.equal(classify(uplink, 13n, 60, limits).kind, "next");
  });

  it("does not go back for an outcome that comes twice", () => {
    const uplink = settle(after10(1, 1, 1), 13n);
    assert.equal(settle(uplink, 11n), uplink);
  });

  it("falls back to what is stored, without asking for it twice", () => {
    const uplink = fallBack(settle(after10(60, 40), 11n));
    assert.deepEqual(uplink, { committed: 11n, accepted: 11n, inFlightBytes: [], awaiting: 12n });
    assert.deepEqual(classify(uplink, 13n, 1, limits), { kind: "silence" });
    assert.deepEqual(classify(uplink, 12n, 1, limits), { kind: "next" });
  });

  it("moves on when an outcome comes for what it had fallen back from", () => {
    const uplink = settle(fallBack(after10(1, 1)), 12n);
    assert.deepEqual(classify(uplink, 13n, 1, limits), { kind: "next" });
    assert.deepEqual(classify(uplink, 12n, 1, limits), { kind: "settled" });
  });
});

type Act = { act: "arrive"; clientId: number; bytes: number } | { act: "settle"; upTo: number } | { act: "fall-back" };

const acts: fc.Arbitrary<Act[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ act: fc.constant("arrive" as const), clientId: fc.nat(15), bytes: fc.nat(60) }),
    },
    { weight: 3, arbitrary: fc.record({ act: fc.constant("settle" as const), upTo: fc.nat(6) }) },
    { weight: 1, arbitrary: fc.record({ act: fc.constant("fall-back" as const) }) },
  ),
  { maxLength: 80 },
);

/** The bookkeeping as one would do it without cleverness: a list of what is in flight. */
function createModel() {
  let committed = 0;
  let inFlight: { id: number; bytes: number }[] = [];
  const accepted = () => inFlight.at(-1)?.id ?? committed;
  const bytesInFlight = () => inFlight.reduce((sum, { bytes }) => sum + bytes, 0);
  return {
    get committed() {
      return committed;
    },
    get accepted() {
      return accepted();
    },
    /** Some id at or above what is committed; also one that has been given up but was stored after all. */
    settle(id: number) {
      committed = Math.max(committed, id);
      inFlight = inFlight.filter((each) => each.id > id);
    },
    fallBack() {
      inFlight = [];
    },
    takes(id: number, bytes: number): boolean {
      const room = inFlight.length < limits.inFlightMax && bytesInFlight() + bytes <= limits.inFlightMaxBytes;
      if (id !== accepted() + 1 || !(inFlight.length === 0 || room)) return false;
      inFlight.push({ id, bytes });
      return true;
    },
  };
}

describe("uplink, whatever happens in whatever order,", () => {
  it("agrees with a naive model: takes ids without gaps, and what is committed never falls", () => {
    fc.assert(
      fc.property(acts, (sequence) => {
        const model = createModel();
        let uplink = createUplink(0n);
        for (const act of sequence) {
          const before = uplink;
          if (act.act === "fall-back") {
            uplink = fallBack(uplink);
            model.fallBack();
          } else if (act.act === "settle") {
            const id = Number(uplink.committed) + act.upTo;
            uplink = settle(uplink, BigInt(id));
            model.settle(id);
          } else {
            const arrival = classify(uplink, BigInt(act.clientId), act.bytes, limits);
            assert.equal(arrival.kind === "next", model.takes(act.clientId, act.bytes));
            if (arrival.kind === "next") uplink = accept(uplink, act.bytes);
            if (arrival.kind === "nack") uplink = report(uplink, arrival.nack);
          }
          assert.equal(uplink.committed, BigInt(model.committed));
          assert.equal(uplink.accepted, BigInt(model.accepted));
          assert.ok(uplink.committed >= before.committed && uplink.accepted >= uplink.committed);
          assert.equal(BigInt(uplink.inFlightBytes.length), uplink.accepted - uplink.committed);
        }
      }),
      { numRuns: 3_000 },
    );
  });
});
