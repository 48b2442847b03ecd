import assert from "node:assert/strict";
import { it } from "node:test";
import type { Fabric, RisingMark } from "../../runtime/fabric/fabric.js";
import type { MakeWorld } from "./fabric-contract.js";

/** The part of the fabric's contract about marks. */
export function describeMarks(world: MakeWorld): void {
  const mark = (userId: bigint, seq: bigint, conversationId = 7n): RisingMark => ({ userId, conversationId, seq });

  it("keeps the highest of each mark until it is settled", async () => {
    const { fabric } = await world();
    await fabric.marks.raise([mark(1n, 5n), mark(2n, 1n)]);
    await fabric.marks.raise([mark(1n, 4n), mark(2n, 3n), mark(2n, 2n)]);
    await fabric.marks.raise([mark(1n, 1n, 8n)]);
    for (const _again of ["once", "twice"]) {
      assert.deepEqual(await unsettled(fabric), [mark(1n, 1n, 8n), mark(1n, 5n), mark(2n, 3n)]);
    }
    await fabric.marks.settle([mark(1n, 5n), mark(2n, 3n)]);
    assert.deepEqual(await unsettled(fabric), [mark(1n, 1n, 8n)]);
  });

  it("keeps a mark that was raised further than what is settled, and none that was not", async () => {
    const { fabric } = await world();
    await fabric.marks.raise([mark(1n, 5n), mark(2n, 5n)]);
    await fabric.marks.raise([mark(1n, 6n)]);
    await fabric.marks.settle([mark(1n, 5n), mark(2n, 6n), mark(3n, 1n)]);
    assert.deepEqual(await unsettled(fabric), [mark(1n, 6n)]);
  });

  it("takes a mark anew after it was settled", async () => {
    const { fabric } = await world();
    await fabric.marks.raise([mark(1n, 5n)]);
    await fabric.marks.settle([mark(1n, 5n)]);
    await fabric.marks.raise([mark(1n, 6n)]);
    assert.deepEqual(await unsettled(fabric), [mark(1n, 6n)]);
  });

  it("gives as many marks as asked for, those that wait longest first", async () => {
    const { fabric, pass } = await world();
    for (const userId of [3n, 1n, 2n]) {
      await fabric.marks.raise([mark(userId, 1n)]);
      await pass(10);
    }
    await fabric.marks.raise([mark(3n, 2n)]); // raised further, it waits no less long
    assert.deepEqual(await fabric.marks.unsettled(2), [mark(3n, 2n), mark(1n, 1n)]);
    assert.deepEqual(await fabric.marks.unsettled(0), []);
  });

  it("handles ids and seqs of 64 bits, and no marks at all", async () => {
    const { fabric } = await world();
    const large = 2n ** 63n - 1n;
    await fabric.marks.raise([mark(large, large, large)]);
    await fabric.marks.raise([mark(large, large - 1n, large)]);
    await fabric.marks.raise([]);
    await fabric.marks.settle([]);
    assert.deepEqual(await unsettled(fabric), [mark(large, large, large)]);
  });

  async function unsettled(fabric: Fabric): Promise<RisingMark[]> {
    const marks = await fabric.marks.unsettled(100);
    return marks.sort((a, b) => Number(a.userId - b.userId || b.conversationId - a.conversationId));
  }
}
