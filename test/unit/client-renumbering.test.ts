import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { NackReason, type UpMsg } from "../../gen/ts/tidewire/v1/frame_pb.js";
import { DeviceWorld } from "../support/device-world.js";

function ack(clientId: bigint) {
  const stored = { conversationId: 1n, seq: clientId, messageId: clientId };
  return { case: "upAck" as const, value: { clientId, outcome: { case: "stored" as const, value: stored } } };
}

function conflict(expected: bigint) {
  return { case: "upNack" as const, value: { expected, reason: NackReason.CONFLICT, retryAfterMs: 0 } };
}

function textOf({ content }: Pick<UpMsg, "content">): string {
  return content?.body.case === "text" ? content.body.value.text : "";
}

/** What the device has sent since it was asked last, by number. */
function sent(world: DeviceWorld): [bigint, string][] {
  return world.sentOf("upMsg").map((upMsg) => [upMsg.clientId, textOf(upMsg)]);
}

describe("a device that was brought back to an older state", () => {
  it("keeps the order of what was sent, whether it was in conflict or never sent before", () => {
    const world = new DeviceWorld();
    for (const text of ["one", "two", "three", "four"]) world.send(text);
    world.login({ lastClientId: 2n });
    sent(world);
    world.say(conflict(2n), conflict(1n));
    assert.deepEqual(sent(world), [
      [3n, "one"],
      [4n, "two"],
      [5n, "three"],
      [6n, "four"],
    ]);
  });

  it("keeps that order in its storage, for the next start", () => {
    const world = new DeviceWorld();
    for (const text of ["one", "two", "three"]) world.send(text);
    world.login({ lastClientId: 2n });
    world.say(ack(1n), conflict(2n));
    world.restart();
    assert.deepEqual(
      world.core.pending().map((pending) => [pending.clientId, textOf(pending)]),
      [
        [3n, "two"],
        [4n, "three"],
      ],
    );
  });
});
