import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { DeviceWorld } from "../support/device-world.js";
import { holding, page, push } from "../support/server-says.js";

/** What the device has acknowledged since it was asked last. */
function acked(world: DeviceWorld): bigint[] {
  return world.sentOf("ack").flatMap(({ cursors }) => cursors.map(({ seq }) => seq));
}

describe("the acks of a device", () => {
  it("name what it holds, and not what waits behind a hole", () => {
    const world = holding(1);
    world.say(...push(3, 4));
    world.advance(250);
    assert.deepEqual(acked(world), []);
    world.say(...push(2));
    world.advance(250);
    assert.deepEqual(acked(world), [4n]);
  });

  it("name no more than a page has brought of what is missing", () => {
    const world = holding(1);
    world.say(...push(5));
    world.advance(300);
    const [sync] = world.sentOf("sync");
    world.say(page(sync?.requestId ?? 0n, [2, 3], { headSeq: 5n, hasMore: true }));
    world.advance(250);
    assert.deepEqual(acked(world), [3n]);
  });
});
