import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createIdGenerator } from "../../runtime/ids.js";
import { idsPerMs, verifyIds } from "../../tools/bench/ids/id-verifier.js";
import { runIds } from "../../tools/bench/ids/minting.js";
import { depsOf } from "../support/bench.js";
import { createManualClock } from "../support/clock.js";

const nodeId = 7;

/** Ids of one millisecond and, as they are more than it has, of some that follow. */
function world() {
  const clock = createManualClock();
  const ids = createIdGenerator({ nodeId, clock, deadlineMonotonicMs: () => Number.POSITIVE_INFINITY });
  const minted = BigUint64Array.from({ length: 2 * idsPerMs + 1 }, () => ids.next());
  return { minted, minting: { nodeId, fromMs: clock.nowMs(), toMs: clock.nowMs() } };
}

describe("the verifier of ids", () => {
  it("finds nothing wrong with what a generator mints, though it takes from the time ahead", () => {
    const { minted, minting } = world();
    assert.deepEqual(verifyIds(minted, 0n, minting), { outOfOrder: 0, outOfPlace: 0 });
  });

  it("finds an id that is there twice, and one that falls", () => {
    const { minted, minting } = world();
    minted[10] = minted[9] ?? 0n;
    minted[20] = minted[18] ?? 0n;
    assert.equal(verifyIds(minted, 0n, minting).outOfOrder, 2);
  });

  it("finds a round that begins with the last id of the one before", () => {
    const { minted, minting } = world();
    assert.equal(verifyIds(minted, minted[0] ?? 0n, minting).outOfOrder, 1);
  });

  it("finds ids of another node, and of another time", () => {
    const { minted, minting } = world();
    const all = minted.length;
    assert.equal(verifyIds(minted, 0n, { ...minting, nodeId: 8 }).outOfPlace, all);
    assert.equal(verifyIds(minted, 0n, { ...minting, fromMs: minting.fromMs + 10 }).outOfPlace, all);
    assert.equal(verifyIds(minted, 0n, { ...minting, toMs: minting.toMs - 10 }).outOfPlace, all);
  });
});

describe("the benchmark of ids", () => {
  it("measures and verifies", async () => {
    const options = { ids: 50_000, rounds: 3, warmupRounds: 1 };
    const outcome = await runIds(options, depsOf("postgresql"));
    assert.ok(outcome.kind === "measured", JSON.stringify(outcome));
    const { rounds, lasting_per_second, bound_per_second, verified } = outcome.result;
    assert.equal(rounds.length, 3);
    assert.ok(rounds.every(({ cost_ns, baseline_ns }) => cost_ns > 0 && baseline_ns > 0));
    assert.equal(bound_per_second, 4_096_000);
    assert.ok(lasting_per_second <= bound_per_second);
    assert.deepEqual(verified, { minted: 200_000, out_of_order: 0, out_of_place: 0 });
  });
});
