import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { DeviceWorld, me, pushOf, textMessage } from "../support/device-world.js";
import { held, push } from "../support/server-says.js";

/** A device whose login is not answered yet. */
function greeting(world = new DeviceWorld()): DeviceWorld {
  world.start();
  world.open();
  return world;
}

describe("a device whose login is not answered yet", () => {
  it("takes no push: nobody knows yet of which store it is", () => {
    const world = greeting();
    world.say(...push(1));
    assert.deepEqual(held(world), []);
    world.greet();
    world.say(...push(1));
    assert.deepEqual(held(world), [1n]);
  });

  it("settles nothing by an own push, nor by an up_ack", () => {
    const world = greeting();
    world.send("hello");
    const own = { senderId: me.userId, senderDevice: me.device, clientId: 1n, text: "hello" };
    const stored = { conversationId: 1n, seq: 1n, messageId: 1n };
    world.say(pushOf(textMessage(1n, own)));
    world.say({ case: "upAck", value: { clientId: 1n, outcome: { case: "stored", value: stored } } });
    assert.equal(world.core.pending().length, 1);
  });
});
