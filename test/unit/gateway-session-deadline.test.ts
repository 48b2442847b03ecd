import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { deadlineMs } from "../../gateway/session/deadline.js";
import {
  ann,
  attachingWorld,
  drainingWorld,
  greetingWorld,
  heads,
  headsPage,
  heartbeat,
  kinds,
  openingWorld,
  readyWorld,
  type SessionWorld,
  startWallMs,
} from "../support/session-world.js";

/** In how long from now the session wants to be told that time has passed. */
function waitMs({ now, session }: SessionWorld): number | undefined {
  const atMs = deadlineMs(session, now);
  return atMs === undefined ? undefined : atMs - now.monotonicMs;
}

describe("the deadline of a session", () => {
  for (const given of [greetingWorld, openingWorld, attachingWorld]) {
    it(`is that of its login while it is ${given().session.state}, whatever comes meanwhile`, () => {
      const world = given();
      assert.equal(waitMs(world), 5_000);
      world.advance(2_000);
      world.on({ kind: "tick" });
      assert.equal(waitMs(world), 3_000);
    });
  }

  it("is the end of its device's silence once it is ready, put off by each frame", () => {
    const world = readyWorld();
    assert.equal(waitMs(world), 75_000);
    world.advance(50_000);
    assert.equal(waitMs(world), 25_000);
    world.on(heartbeat());
    assert.equal(waitMs(world), 76_000);
    world.advance(1_000);
    world.on(heartbeat());
    assert.equal(waitMs(world), 75_000, "which is written down once a second");
    world.advance(1);
    world.on(heartbeat());
    assert.equal(waitMs(world), 76_000);
  });

  it("is the end of its token, by the wall clock, if that comes first", () => {
    const world = readyWorld({ identity: { tokenExpiresAtMs: startWallMs + 10_000 } });
    assert.equal(waitMs(world), 10_000);
    world.advance(4_000);
    assert.equal(waitMs(world), 6_000);
    const stepped = { ...world.now, wallMs: world.now.wallMs + 5_000 };
    assert.equal(deadlineMs(world.session, stepped), world.now.monotonicMs + 1_000, "the clock of the wall was set");
  });

  it("is that of the later token once it was renewed", () => {
    const world = readyWorld({ identity: { tokenExpiresAtMs: startWallMs + 10_000 } });
    const tokenExpiresAtMs = startWallMs + 20_000;
    world.on({ kind: "renewed", userId: ann.userId, tokenExpiresAtMs });
    assert.equal(waitMs(world), 20_000);
  });

  it("is a look that is due, if that comes first, and not while one is under way or none is planned", () => {
    const world = readyWorld();
    world.on(heads(1n));
    assert.equal(waitMs(world), 75_000);
    world.on(headsPage({ requestId: 1n, watermark: 8n }));
    assert.equal(waitMs(world), 2_000);
    world.advance(2_000);
    world.on({ kind: "tick" });
    assert.equal(waitMs(world), 73_000, "the look is under way");
    world.on(headsPage({ requestId: 0n }));
    assert.equal(waitMs(world), 73_000);
    world.on({ kind: "entries-lost", lookAtMs: world.now.monotonicMs + 7_000 });
    assert.equal(waitMs(world), 7_000);
  });

  it("is none once it drains or has closed", () => {
    const world = drainingWorld();
    assert.equal(waitMs(world), undefined);
    world.on({ kind: "drained" });
    assert.equal(world.session.state, "closed");
    assert.equal(waitMs(world), undefined);
  });

  for (const [what, given] of [
    ["its login is late", () => greetingWorld()],
    ["its device is silent", () => readyWorld()],
    ["its token expires", () => readyWorld({ identity: { tokenExpiresAtMs: startWallMs + 10_000 } })],
    ["a look is due", lookDue],
  ] as const) {
    it(`is met when ${what}: a tick then does something, and one before does not`, () => {
      const world = given();
      const leftMs = waitMs(world);
      assert.ok(leftMs !== undefined);
      world.advance(leftMs - 1);
      assert.deepEqual(world.on({ kind: "tick" }), []);
      assert.equal(waitMs(world), 1);
      world.advance(1);
      assert.notDeepEqual(kinds(world.on({ kind: "tick" })), []);
      assert.ok((waitMs(world) ?? 1) > 0, "and is not met again at once");
    });
  }
});

function lookDue(): SessionWorld {
  const world = readyWorld();
  world.on(heads(1n));
  world.on(headsPage({ requestId: 1n, watermark: 8n }));
  return world;
}
