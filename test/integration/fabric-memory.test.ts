import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createMemoryFabric } from "../../runtime/fabric/memory.js";
import { createManualClock } from "../support/clock.js";
import { describeFabric } from "../support/fabric-contract.js";

describeFabric("memory", async () => {
  const clock = createManualClock();
  return { fabric: createMemoryFabric({ clock }), pass: async (ms) => clock.advance(ms) };
});

describe("memory fabric", () => {
  it("gives back the memory of all that has expired", async () => {
    const clock = createManualClock();
    await using fabric = createMemoryFabric({ clock });
    for (let i = 0n; i < 100n; i++) {
      await fabric.routes.attach({ userId: i, device: 1, epoch: 1n, gateway: "g1" }, 1000);
      await fabric.routes.want("g1", i, 1000);
      await fabric.limits.take(`key ${i}`, { burst: 2, refillMs: 500 });
      await fabric.leases.acquire(`lease ${i}`, "a", 1000);
    }
    await fabric.gateways.announce({ id: "g1", address: "", connections: 0 }, 1000);
    assert.equal(fabric.size, 401);
    clock.advance(20_000);
    assert.equal(fabric.size, 0);
  });

  it("leaves no timer behind", async () => {
    const clock = createManualClock();
    const fabric = createMemoryFabric({ clock });
    clock.advance(60_000);
    await fabric[Symbol.asyncDispose]();
    assert.equal(clock.pending, 0);
  });

  it("bounds the buckets that strangers can make it keep", async () => {
    await using fabric = createMemoryFabric({ clock: createManualClock() });
    for (let i = 0; i < 100_010; i++) await fabric.limits.take(`stranger ${i}`, { burst: 1, refillMs: 60_000 });
    assert.equal(fabric.size, 100_000);
  });

  it("bounds the marks that wait for the store, and drops those that wait longest", async () => {
    await using fabric = createMemoryFabric({ clock: createManualClock() });
    for (let userId = 0n; userId < 200_010n; userId += 1n) {
      await fabric.marks.raise([{ userId, conversationId: 1n, seq: 1n }]);
    }
    assert.equal(fabric.size, 200_000);
    assert.equal((await fabric.marks.unsettled(1))[0]?.userId, 10n);
  });
});
