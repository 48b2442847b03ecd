import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type NodeDeps, startNode } from "../../gateway/node.js";
import type { Fabric } from "../../runtime/fabric/fabric.js";
import { createMemoryFabric } from "../../runtime/fabric/memory.js";
import { createConnectionWorld } from "../support/connection-world.js";

/** What a gateway is started with, on the memory fabric. */
function world(override: (fabric: Fabric) => Partial<Fabric> = () => ({})) {
  const { context } = createConnectionWorld();
  const memory = createMemoryFabric({ clock: context.clock });
  const fabric = { ...memory, ...override(memory) };
  const { limits } = context.rules;
  const options = {
    ...{ ...context.rules, limits, strangersPerAddressMax: 1, lanes: 1, laneQueueMaxBytes: 1_000 },
    ...{ callMaxBytes: 1_000, callTimeoutMs: 1_000 },
  };
  const deps: NodeDeps = { ...context, id: "g1", fabric, publish: assert.fail };
  return { fabric: memory, start: () => startNode(options, deps) };
}

describe("a gateway without its port", () => {
  it("leaves the fabric as it found it", async () => {
    const { fabric, start } = world();
    const before = fabric.size;
    const node = await start();
    assert.ok(fabric.size > before);
    await node[Symbol.asyncDispose]();
    assert.equal(fabric.size, before);
  });

  it("leaves nothing in the fabric if that does not take it in", async () => {
    const announce = () => Promise.reject(new Error("the fabric is full"));
    const { fabric, start } = world(({ gateways }) => ({ gateways: { ...gateways, announce } }));
    const before = fabric.size;
    await assert.rejects(start(), /the fabric is full/);
    assert.equal(fabric.size, before);
  });

  it("hands over what devices have acknowledged before it goes", async () => {
    const { fabric, start } = world();
    const node = await start();
    node.context.delivered.note(7n, [{ conversationId: 9n, seq: 3n }]);
    await node[Symbol.asyncDispose]();
    assert.deepEqual(await fabric.marks.unsettled(10), [{ userId: 7n, conversationId: 9n, seq: 3n }]);
  });
});
