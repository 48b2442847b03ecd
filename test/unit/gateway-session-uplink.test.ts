import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CloseCode, ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { GoawayReason, NackReason } from "../../gen/ts/tidewire/v1/frame_pb.js";
import { Rejection } from "../../gen/ts/tidewire/v1/message_pb.js";
import {
  closeCode,
  kinds,
  onlyFrame,
  outcomes,
  readyOf,
  readyWorld,
  refused,
  rejected,
  type SessionWorld,
  sent,
  stored,
  upMsg,
} from "../support/session-world.js";

const taken = ["charge", "submit"];

/** A ready session with messages up to `last` in flight. */
function inFlightTo(last: bigint): SessionWorld {
  const world = readyWorld();
  for (let id = 1n; id <= last; id++) assert.deepEqual(kinds(world.on(upMsg(id))), taken);
  return world;
}

function nack(effects: Parameters<typeof onlyFrame>[0]) {
  return onlyFrame(effects, "upNack");
}

describe("an up_msg", () => {
  it("is submitted as it came, and charged to the user's rate", () => {
    const bytes = Uint8Array.of(8, 1, 42);
    const effects = readyWorld().on({ kind: "up-msg", clientId: 1n, upMsg: bytes, rate: 0, lane: "open" });
    assert.deepEqual(effects, [
      { kind: "charge", rate: 1_100 },
      { kind: "submit", clientId: 1n, upMsg: bytes },
    ]);
  });

  it("is passed over in silence while it is in flight", () => {
    const world = inFlightTo(2n);
    assert.deepEqual(world.on(upMsg(1n)), []);
    assert.deepEqual(world.on(upMsg(2n)), []);
  });

  it("is submitted again once it is settled, so that its outcome is looked up", () => {
    const world = inFlightTo(1n);
    world.on(outcomes(stored(1n)));
    assert.deepEqual(kinds(world.on(upMsg(1n))), taken);
    assert.equal(onlyFrame(world.on(outcomes(stored(1n))), "upAck").clientId, 1n);
    assert.equal(readyOf(world).uplink.committed, 1n);
    assert.equal(readyOf(world).uplink.accepted, 1n);
  });

  it("above a hole is reported once, until the hole is filled", () => {
    const world = readyWorld();
    assert.deepEqual(nack(world.on(upMsg(3n))), { expected: 1n, reason: NackReason.HOLE, retryAfterMs: 0 });
    assert.deepEqual(world.on(upMsg(4n)), []);
    assert.deepEqual(kinds(world.on(upMsg(1n))), taken);
    assert.equal(nack(world.on(upMsg(4n))).expected, 2n);
  });

  it("over the user's rate is told how long to wait, and uses up no client_id", () => {
    const world = readyWorld();
    const rate = world.now.monotonicMs + 6_000; // 60 taken, each of which takes 100 ms to win back
    assert.deepEqual(nack(world.on(upMsg(1n, { rate }))), { expected: 1n, reason: NackReason.RATE, retryAfterMs: 100 });
    assert.deepEqual(world.on(upMsg(2n, { rate })), []);
    assert.deepEqual(kinds(world.on(upMsg(1n))), taken);
  });

  it("is told to wait when its lane is full", () => {
    const world = readyWorld();
    const full = upMsg(1n, { lane: "full" });
    assert.deepEqual(nack(world.on(full)), { expected: 1n, reason: NackReason.BUSY, retryAfterMs: 500 });
    assert.deepEqual(kinds(world.on(upMsg(1n))), taken);
  });

  it("that is settled is passed over in silence when rate or lane forbid to look it up", () => {
    const world = inFlightTo(1n);
    world.on(outcomes(stored(1n)));
    assert.deepEqual(world.on(upMsg(1n, { lane: "full" })), []);
    assert.deepEqual(world.on(upMsg(1n, { rate: world.now.monotonicMs + 6_000 })), []);
    assert.deepEqual(kinds(world.on(upMsg(2n))), taken);
  });

  it("beyond the number that may be in flight is told to wait", () => {
    const world = inFlightTo(32n);
    assert.deepEqual(nack(world.on(upMsg(33n))), { expected: 33n, reason: NackReason.BUSY, retryAfterMs: 200 });
    world.on(outcomes(stored(1n)));
    assert.deepEqual(kinds(world.on(upMsg(33n))), taken);
  });

  it("beyond the bytes that may be in flight is told to wait", () => {
    const world = readyWorld();
    assert.deepEqual(kinds(world.on(upMsg(1n, { bytes: 40_000 }))), taken);
    assert.deepEqual(kinds(world.on(upMsg(2n, { bytes: 25_536 }))), taken);
    assert.equal(nack(world.on(upMsg(3n, { bytes: 1 }))).reason, NackReason.BUSY);
    world.on(outcomes(stored(1n)));
    assert.deepEqual(kinds(world.on(upMsg(3n, { bytes: 40_000 }))), taken);
  });
});

describe("outcomes", () => {
  it("are acknowledged in order, stored and refused alike, and consume their ids", () => {
    const world = inFlightTo(3n);
    const effects = world.on(outcomes(stored(1n), refused(2n, ErrorCode.NOT_A_MEMBER), stored(3n)));
    assert.deepEqual(
      sent(effects).map(({ value }) => value),
      [
        { clientId: 1n, outcome: stored(1n).outcome.result },
        { clientId: 2n, outcome: { case: "refused", value: ErrorCode.NOT_A_MEMBER } },
        { clientId: 3n, outcome: stored(3n).outcome.result },
      ],
    );
    assert.equal(readyOf(world).uplink.committed, 3n);
    assert.deepEqual(readyOf(world).uplink.inFlightBytes, []);
  });

  it("are not told again to a device whose own push has just left, and settle what they are of all the same", () => {
    const world = inFlightTo(3n);
    const effects = world.on(
      outcomes({ ...stored(1n), told: "by-push" }, stored(2n), { ...stored(3n), told: "by-push" }),
    );
    assert.equal(onlyFrame(effects, "upAck").clientId, 2n);
    assert.equal(readyOf(world).uplink.committed, 3n);
    assert.deepEqual(readyOf(world).uplink.inFlightBytes, []);
  });

  it("of a kind that this gateway does not know count as a refusal", () => {
    const world = inFlightTo(1n);
    const unknown = { ...stored(1n).outcome, result: { case: undefined } as const };
    const ack = onlyFrame(world.on(outcomes({ ...stored(1n), outcome: unknown })), "upAck");
    assert.deepEqual(ack.outcome, { case: "refused", value: ErrorCode.INTERNAL });
  });

  it("that say FENCED end the session as replaced, even behind others", () => {
    const world = inFlightTo(2n);
    const effects = world.on(outcomes(stored(1n), rejected(2n, Rejection.FENCED)));
    assert.equal(closeCode(effects), CloseCode.REPLACED);
    assert.equal(world.session.state, "closed");
  });

  it("that say FENCED do not keep back the acks of what was stored before", () => {
    const effects = inFlightTo(2n).on(outcomes(stored(1n), rejected(2n, Rejection.FENCED)));
    assert.deepEqual(
      sent(effects).map((frame) => frame.case),
      ["upAck", "goaway"],
    );
  });

  it("that say FENCED tell the device why", () => {
    const effects = inFlightTo(1n).on(outcomes(rejected(1n, Rejection.FENCED)));
    assert.equal(onlyFrame(effects, "goaway").reason, GoawayReason.REPLACED);
  });

  it("that conflict name the id, and leave the numbering as it is", () => {
    const world = inFlightTo(1n);
    world.on(outcomes(stored(1n)));
    world.on(upMsg(1n));
    assert.deepEqual(nack(world.on(outcomes(rejected(1n, Rejection.CONFLICT)))), {
      expected: 1n,
      reason: NackReason.CONFLICT,
      retryAfterMs: 0,
    });
    assert.deepEqual(kinds(world.on(upMsg(2n))), taken);
  });

  it("that conflict leave nothing in flight that nobody will answer", () => {
    const world = inFlightTo(1n);
    world.on(outcomes(rejected(1n, Rejection.CONFLICT)));
    assert.deepEqual(readyOf(world).uplink.inFlightBytes, []);
    assert.deepEqual(kinds(world.on(upMsg(1n))), taken);
  });

  it("that show a gap make the device send again from the last that is stored", () => {
    const world = inFlightTo(4n);
    const effects = world.on(outcomes(stored(1n), rejected(3n, Rejection.GAP)));
    assert.deepEqual(sent(effects)[1]?.value, { expected: 2n, reason: NackReason.HOLE, retryAfterMs: 0 });
    assert.deepEqual(world.on(upMsg(3n)), [], "the hole has been reported");
    assert.deepEqual(kinds(world.on(upMsg(2n))), taken);
    assert.deepEqual(kinds(world.on(upMsg(3n))), taken);
  });

  it("report one gap once, however many messages lie behind it", () => {
    const world = inFlightTo(5n);
    const effects = world.on(outcomes(...[2n, 3n, 4n, 5n].map((id) => rejected(id, Rejection.GAP))));
    assert.equal(nack(effects).expected, 1n);
  });

  it("leave it at the conflict when the messages behind it show a gap", () => {
    const world = inFlightTo(3n);
    const effects = world.on(outcomes(rejected(1n, Rejection.CONFLICT), rejected(2n, Rejection.GAP)));
    assert.equal(nack(effects).reason, NackReason.CONFLICT);
  });

  it("that come for copies of given-up messages move the numbering on", () => {
    const world = inFlightTo(2n);
    world.on(outcomes(rejected(1n, Rejection.CONFLICT)));
    world.on(outcomes(stored(1n)));
    world.on(outcomes(stored(2n)));
    assert.deepEqual(kinds(world.on(upMsg(3n))), taken);
  });

  for (const id of [3n, 4n]) {
    it(`that show a gap at ${id} although 3 is stored make the device log in anew: the store was restored`, () => {
      const world = inFlightTo(4n);
      const effects = world.on(outcomes(stored(3n), rejected(id, Rejection.GAP)));
      assert.deepEqual(kinds(effects), ["send", "close"]);
      assert.equal(closeCode(effects), CloseCode.UNAVAILABLE);
    });
  }
});

describe("a lane that gives up", () => {
  it("ends the session, so that the device learns at its next login what was stored", () => {
    const world = inFlightTo(3n);
    world.on(outcomes(stored(1n)));
    const effects = world.on({ kind: "lane-gave-up" });
    assert.equal(onlyFrame(effects, "error").code, ErrorCode.UNAVAILABLE);
    assert.equal(closeCode(effects), CloseCode.UNAVAILABLE);
  });
});
