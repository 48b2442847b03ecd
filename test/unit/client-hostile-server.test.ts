import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CloseCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { NackReason } from "../../gen/ts/tidewire/v1/frame_pb.js";
import { DeviceWorld, me, pushOf, textMessage } from "../support/device-world.js";

/** The sockets that were given up since the last look. */
function hangUps(world: DeviceWorld) {
  return world.trace.flatMap((done) => (done.kind === "disconnect" ? [{ socket: done.socket, code: done.code }] : []));
}

describe("a device, from a server that says what cannot be,", () => {
  it("takes no login whose last_client_id would leave it without numbers", () => {
    const world = new DeviceWorld();
    world.start();
    world.open();
    world.greet({ lastClientId: 2n ** 64n - 1n });
    assert.deepEqual(hangUps(world), [{ socket: 1, code: CloseCode.PROTOCOL_ERROR }]);
    assert.equal(world.core.connection.state, "waiting");
    assert.equal(world.send("still sendable"), 1n);
  });

  it("takes no login with a store_id that it could not name at the next one", () => {
    for (const [storeId, state] of [
      ["é".repeat(32), "ready"],
      ["é".repeat(33), "waiting"],
    ] as const) {
      const world = new DeviceWorld();
      world.start();
      world.open();
      world.greet({ storeId });
      assert.equal(world.core.connection.state, state);
    }
  });

  it("does not wake up over and over for a token when a login_ok follows the goaway", () => {
    const world = new DeviceWorld().login();
    world.say({ case: "goaway", value: { reconnectAfterMs: 60_000 } });
    world.greet({ serverTimeMs: 1_000n, tokenExpiresAtMs: 2_000n });
    world.advance(30_000); // throws if the core wants to be woken without end
    assert.equal(world.core.connection.state, "draining");
  });

  it("says what it had to say on the socket that it then gives up, not on the next", () => {
    const world = new DeviceWorld().login();
    world.send("one");
    world.send("two");
    world.say({ case: "upNack", value: { expected: 1n, reason: NackReason.HOLE } });
    world.say(pushOf(textMessage(1n, { text: "one", senderId: me.userId, senderDevice: me.device, clientId: 1n })));
    world.sent();
    world.advance(3_000); // the gateway waits for the first message, which has no number any more
    const sockets = world.trace.flatMap((done) => (done.kind === "transmit" ? [done.socket] : []));
    assert.deepEqual(
      hangUps(world).map(({ socket }) => socket),
      [1],
    );
    assert.deepEqual([...new Set(sockets)], [1]);
  });
});
