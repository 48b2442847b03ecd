import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { type Arrival, accept, classify, createUplink, fallBack, report, settle } from "../../gateway/uplink/uplink.js";

const limits = { inFlightMax: 3, inFlightMaxBytes: 100 };

/** The books as one would keep them with a list and no thought of cost. */
class NaiveUplink {
  committed: bigint;
  inFlight: { clientId: bigint; bytes: number }[] = [];
  /** What the device was told last that is awaited; forgotten once it comes. */
  told: bigint | undefined;

  constructor(lastClientId: bigint) {
    this.committed = lastClientId;
  }

  get next(): bigint {
    return (this.inFlight.at(-1)?.clientId ?? this.committed) + 1n;
  }

  arrive(clientId: bigint, bytes: number): Arrival {
    if (clientId <= this.committed) return { kind: "settled" };
    if (this.inFlight.some((each) => each.clientId === clientId)) return { kind: "silence" };
    if (clientId > this.next) return this.#tell({ expected: this.next, reason: "hole", retryAfterMs: 0 }, "once");
    const sum = this.inFlight.reduce((bytesBefore, each) => bytesBefore + each.bytes, bytes);
    const isFull = this.inFlight.length >= limits.inFlightMax || sum > limits.inFlightMaxBytes;
    if (isFull && this.inFlight.length > 0)
      return this.#tell({ expected: clientId, reason: "busy", retryAfterMs: 200 }, "always");
    this.inFlight.push({ clientId, bytes });
    this.told = undefined;
    return { kind: "next" };
  }

  #tell(nack: (Arrival & { kind: "nack" })["nack"], often: "once" | "always"): Arrival {
    if (often === "once" && this.told === nack.expected) return { kind: "silence" };
    this.told = nack.expected;
    return { kind: "nack", nack };
  }

  settle(clientId: bigint): void {
    if (clientId > this.committed) this.committed = clientId;
    this.inFlight = this.inFlight.filter((each) => each.clientId > this.committed);
  }

  fallBack(): void {
    this.inFlight = [];
    this.told = this.next;
  }
}

type Act =
  | { act: "arrive"; ahead: number; bytes: number }
  /** @property ahead Of what is committed; further than what is in flight: it was given up before, and stored all the same. */
  | { act: "settle"; ahead: number }
  | { act: "fall back" };

const acts: fc.Arbitrary<Act[]> = fc.array(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        act: fc.constant("arrive" as const),
        ahead: fc.oneof(
          { weight: 3, arbitrary: fc.constant(0) },
          { weight: 1, arbitrary: fc.integer({ min: -5, max: 3 }) },
        ),
        bytes: fc.integer({ min: 1, max: 60 }),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ act: fc.constant("settle" as const), ahead: fc.nat(5) }),
    },
    { weight: 1, arbitrary: fc.record({ act: fc.constant("fall back" as const) }) },
  ),
  { maxLength: 60, size: "max" },
);

describe("uplink, beside a list of what is in flight,", () => {
  it("says the same of every up_msg: next, settled, silence, or the very same nack", () => {
    const kinds = new Map<string, number>();
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 60n }), acts, (lastClientId, sequence) => {
        const naive = new NaiveUplink(lastClientId);
        let uplink = createUplink(lastClientId);
        for (const act of sequence) {
          if (act.act === "arrive") {
            const clientId = naive.next + BigInt(act.ahead);
            if (clientId < 1n) continue;
            const arrival = classify(uplink, clientId, act.bytes, limits);
            assert.deepEqual(arrival, naive.arrive(clientId, act.bytes));
            if (arrival.kind === "next") uplink = accept(uplink, act.bytes);
            if (arrival.kind === "nack") uplink = report(uplink, arrival.nack);
            const kind = arrival.kind === "nack" ? arrival.nack.reason : arrival.kind;
            kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
          } else if (act.act === "settle") {
            const clientId = naive.committed + BigInt(act.ahead);
            uplink = settle(uplink, clientId);
            naive.settle(clientId);
          } else {
            uplink = fallBack(uplink);
            naive.fallBack();
          }
          assert.equal(uplink.committed, naive.committed);
          assert.equal(uplink.accepted + 1n, naive.next);
          assert.deepEqual(
            uplink.inFlightBytes,
            naive.inFlight.map(({ bytes }) => bytes),
          );
        }
      }),
      { numRuns: 5_000 },
    );
    for (const kind of ["next", "settled", "silence", "hole", "busy"]) assert.ok((kinds.get(kind) ?? 0) > 1_000, kind);
  });
});
