import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createConnections } from "../../gateway/connections.js";
import { startUpkeep } from "../../gateway/upkeep.js";
import { createMemoryFabric } from "../../runtime/fabric/memory.js";
import { createConnectionWorld } from "../support/connection-world.js";

const leaseMs = 90_000;

/** A gateway that is up, though nobody is connected. */
async function world() {
  const given = createConnectionWorld();
  const { clock, context, downlink } = given;
  const fabric = createMemoryFabric({ clock });
  const connections = createConnections(context);
  const upkeep = await startUpkeep({ id: "g1", fabric, leaseMs, context, connections, downlink });
  return { ...given, connections, fabric, upkeep };
}

describe("upkeep", () => {
  it("announces the gateway before it resolves, and withdraws it in the end", async () => {
    const { fabric, upkeep } = await world();
    assert.deepEqual(await fabric.gateways.list(), [{ id: "g1", address: "", connections: 0 }]);
    await upkeep[Symbol.asyncDispose]();
    assert.deepEqual(await fabric.gateways.list(), []);
  });

  it("renews what the fabric was told, before that would forget it", async () => {
    const { clock, connect, fabric, hub, routes } = await world();
    const socket = connect();
    await socket.login("user 7");
    for (let waitedMs = 0; waitedMs < 300_000; waitedMs += 10_000) {
      await clock.settle(10_000);
      socket.send({ case: "heartbeat", value: {} });
      assert.equal((await fabric.gateways.list()).length, 1);
      assert.deepEqual([...(await routes.gatewaysOf([7n])).keys()], ["g1"]);
      assert.deepEqual(await routes.gatewaysWanting(9n), ["g1"]);
    }
    assert.equal(hub.sessionCount, 1);
  });

  it("forgets conversations that are quiet", async () => {
    const { clock, deliver, downlink } = await world();
    deliver({ conversationId: 9n, seq: 1n, frame: new Uint8Array(10) });
    await clock.settle(60_000);
    assert.equal(downlink.activeConversations, 1);
    await clock.settle(5_010);
    assert.equal(downlink.activeConversations, 0);
  });

  it("shows whoever asks how many timers and active conversations there are, and how much they hold", async () => {
    const { context, deliver, timers } = await world();
    const read = async () => {
      const metrics = await context.metrics.registry.getMetricsAsJSON();
      const names = ["active_conversations", "ring_bytes", "lanes_queued_bytes", "timers"];
      return names.map((name) => metrics.find((one) => one.name === `tidewire_${name}`)?.values[0]?.value);
    };
    assert.deepEqual(await read(), [0, 0, 0, timers.size]);
    deliver({ conversationId: 9n, seq: 1n, frame: new Uint8Array(10) });
    assert.deepEqual(await read(), [1, 10, 0, timers.size]);
  });

  it("does nothing more once it is over", async () => {
    const { clock, deliver, downlink, fabric, timers, upkeep } = await world();
    await upkeep[Symbol.asyncDispose]();
    deliver({ conversationId: 9n, seq: 1n, frame: new Uint8Array(10) });
    await clock.settle(100_000);
    assert.equal(timers.size, 0);
    assert.equal(downlink.activeConversations, 1);
    assert.deepEqual(await fabric.gateways.list(), []);
  });
});
