import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CloseCode, ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { GoawayReason } from "../../gen/ts/tidewire/v1/frame_pb.js";
import {
  ack,
  closeCode,
  drainingWorld,
  heads,
  heartbeat,
  kinds,
  login,
  onlyFrame,
  outcomes,
  readyWorld,
  refused,
  sent,
  stored,
  sync,
  upMsg,
} from "../support/session-world.js";

describe("a session that drains", () => {
  it("tells the device when to come back", () => {
    const goaway = onlyFrame(readyWorld().on({ kind: "drain", reconnectAfterMs: 1_234 }), "goaway");
    assert.deepEqual(goaway, { reason: GoawayReason.DRAINING, reconnectAfterMs: 1_234 });
  });

  it("takes no up_msg any more, and says nothing about it", () => {
    const world = drainingWorld();
    const before = world.session;
    assert.deepEqual(world.on(upMsg(1n)), []);
    assert.deepEqual(world.on(upMsg(9n)), []);
    assert.equal(world.session, before);
  });

  it("still answers what is in flight", () => {
    const world = readyWorld();
    world.on(upMsg(1n));
    world.on(upMsg(2n));
    world.on({ kind: "drain", reconnectAfterMs: 0 });
    const effects = world.on(outcomes(stored(1n), refused(2n, ErrorCode.FORBIDDEN)));
    assert.deepEqual(
      sent(effects).map((frame) => frame.case),
      ["upAck", "upAck"],
    );
  });

  it("still takes acks, and starts no reads", () => {
    const world = drainingWorld();
    assert.deepEqual(kinds(world.on(ack)), ["acknowledge"]);
    for (const event of [sync(1n), heads(1n), login(), heartbeat()]) assert.deepEqual(world.on(event), []);
  });

  it("is not taken for silent or expired on its last metres", () => {
    const world = drainingWorld();
    world.advance(10_000_000);
    assert.deepEqual(world.on({ kind: "tick" }), []);
  });

  it("closes when all lanes are empty", () => {
    assert.deepEqual(drainingWorld().on({ kind: "drained" }), [{ kind: "close", code: CloseCode.GOING_AWAY }]);
  });

  it("closes when the device does not read", () => {
    assert.equal(closeCode(drainingWorld().on({ kind: "lagging" })), CloseCode.SLOW_CONSUMER);
  });

  it("says nothing when its lane gives up: the device sends again elsewhere", () => {
    assert.deepEqual(drainingWorld().on({ kind: "lane-gave-up" }), []);
  });

  it("is told to drain once", () => {
    assert.deepEqual(drainingWorld().on({ kind: "drain", reconnectAfterMs: 1 }), []);
  });
});
