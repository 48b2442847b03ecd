import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { Compression } from "../../gen/ts/tidewire/v1/frame_pb.js";
import {
  ann,
  greetingWorld,
  heads,
  headsPage,
  kinds,
  login,
  onlyFrame,
  readyOf,
  readyWorld,
  type SessionWorld,
  sync,
  syncPage,
} from "../support/session-world.js";

/** How pages are asked for in a session that was opened with this offer. */
function askedFor(world: SessionWorld): Compression | undefined {
  const [effect] = world.on(sync(1n));
  return effect?.kind === "read-sync" ? effect.compression : undefined;
}

function offeringWorld(...compressions: Compression[]): SessionWorld {
  const world = greetingWorld();
  world.on(login({ compressions }));
  world.on({ kind: "opened", identity: ann, lastClientId: 0n });
  world.on({ kind: "attached" });
  return world;
}

describe("what a device can unpack", () => {
  const { DEFLATE, UNSPECIFIED } = Compression;
  const unknown = 77 as Compression;

  it("is kept from its login on, of all that it offers, known or not", () => {
    assert.equal(askedFor(offeringWorld(DEFLATE)), DEFLATE);
    assert.equal(askedFor(offeringWorld(unknown, DEFLATE, UNSPECIFIED)), DEFLATE);
  });

  it("is nothing if it offers nothing, or nothing that is known", () => {
    assert.equal(askedFor(offeringWorld()), UNSPECIFIED);
    assert.equal(askedFor(offeringWorld(unknown)), UNSPECIFIED);
  });

  it("is what its latest login says", () => {
    const world = offeringWorld();
    world.on(login({ token: "token-2", compressions: [DEFLATE] }));
    world.on({ kind: "renewed", userId: ann.userId, tokenExpiresAtMs: ann.tokenExpiresAtMs + 1 });
    assert.equal(askedFor(world), DEFLATE);
    world.on(login({ token: "token-3" }));
    assert.equal(askedFor(world), UNSPECIFIED);
  });
});

describe("sync", () => {
  it("is read by the shell and answered with its page", () => {
    const world = readyWorld();
    assert.deepEqual(kinds(world.on(sync(5n))), ["read-sync"]);
    const answer = syncPage(5n);
    assert.ok(answer.kind === "sync-page");
    assert.deepEqual(world.on(answer), [{ kind: "send-page", requestId: 5n, page: answer.page }]);
  });

  it("refuses request id 0, which marks what nobody asked for", () => {
    const page = onlyFrame(readyWorld().on(sync(0n)), "syncPage");
    assert.deepEqual(page, { requestId: 0n, conversationId: 9n, error: ErrorCode.INVALID_ARGUMENT });
  });

  it("refuses more than ten a second and allows one more 100 ms later", () => {
    const world = readyWorld();
    const ask = (requestId: bigint) => {
      const effects = world.on(sync(requestId));
      if (effects[0]?.kind === "read-sync") world.on(syncPage(requestId));
      return effects;
    };
    for (let id = 1n; id <= 10n; id++) assert.deepEqual(kinds(ask(id)), ["read-sync"]);
    assert.equal(onlyFrame(ask(11n), "syncPage").error, ErrorCode.RATE_LIMITED);
    world.advance(99);
    assert.equal(onlyFrame(ask(12n), "syncPage").error, ErrorCode.RATE_LIMITED);
    world.advance(1);
    assert.deepEqual(kinds(ask(13n)), ["read-sync"]);
  });

  it("refuses a ninth read while eight are under way, whichever they are", () => {
    const world = readyWorld();
    for (let id = 1n; id <= 4n; id++) {
      assert.deepEqual(kinds(world.on(sync(id))), ["read-sync"]);
      assert.deepEqual(kinds(world.on(heads(id))), ["read-heads"]);
    }
    assert.equal(onlyFrame(world.on(sync(5n)), "syncPage").error, ErrorCode.BUSY);
    assert.equal(onlyFrame(world.on(heads(5n)), "headsPage").error, ErrorCode.BUSY);
    world.on(syncPage(1n));
    assert.deepEqual(kinds(world.on(heads(6n))), ["read-heads"]);
    assert.equal(onlyFrame(world.on(sync(7n)), "syncPage").error, ErrorCode.BUSY);
    world.on(headsPage({ requestId: 2n }));
    assert.deepEqual(kinds(world.on(sync(8n))), ["read-sync"]);
  });

  it("takes nothing from the rate when it refuses", () => {
    const world = readyWorld();
    for (let id = 0; id < 20; id++) world.on(sync(0n));
    assert.deepEqual(kinds(world.on(sync(1n))), ["read-sync"]);
  });
});

describe("heads", () => {
  it("is read by the shell with the watermark and limit of the request", () => {
    const effects = readyWorld().on(heads(5n, 77n));
    assert.deepEqual(effects, [{ kind: "read-heads", requestId: 5n, since: 77n, limit: 50 }]);
  });

  it("refuses request id 0", () => {
    const page = onlyFrame(readyWorld().on(heads(0n)), "headsPage");
    assert.deepEqual(page, { requestId: 0n, error: ErrorCode.INVALID_ARGUMENT });
  });

  it("answers with an empty page what was asked for", () => {
    const world = readyWorld();
    world.on(heads(5n));
    assert.equal(onlyFrame(world.on(headsPage({ requestId: 5n, watermark: 8n })), "headsPage").requestId, 5n);
  });
});

const tick = { kind: "tick" } as const;
const look = (since: bigint) => ({ kind: "look", since });
const found = [{ conversationId: 9n, headSeq: 3n }];

/** The device has read all its heads up to this watermark. */
function caughtUp(watermark: bigint): SessionWorld {
  const world = readyWorld();
  world.on(heads(1n));
  world.on(headsPage({ requestId: 1n, watermark }));
  return world;
}

/** It has, and the second look has found nothing more. */
function rested(watermark: bigint): SessionWorld {
  const world = caughtUp(watermark);
  world.advance(2_000);
  world.on(tick);
  world.on(headsPage({ requestId: 0n, watermark: watermark + 1n }));
  return world;
}

describe("the second look at heads", () => {
  it("comes two seconds after the first complete answer, from its watermark, and once", () => {
    const world = caughtUp(8n);
    world.advance(1_999);
    assert.deepEqual(world.on(tick), []);
    world.advance(1);
    assert.deepEqual(world.on(tick), [look(8n)]);
    world.on(headsPage({ requestId: 0n, watermark: 9n }));
    world.advance(10_000);
    assert.deepEqual(world.on(tick), []);
  });

  it("never comes before the device has asked", () => {
    const world = readyWorld();
    world.advance(10_000);
    assert.deepEqual(world.on(tick), []);
  });

  it("waits for the last page", () => {
    const world = readyWorld();
    world.on(heads(1n));
    world.on(headsPage({ requestId: 1n, watermark: 4n, hasMore: true }));
    world.advance(5_000);
    assert.deepEqual(world.on(tick), []);
    world.on(heads(2n, 4n));
    world.on(headsPage({ requestId: 2n, watermark: 8n }));
    world.advance(2_000);
    assert.deepEqual(world.on(tick), [look(8n)]);
  });

  it("waits for an answer that is not an error", () => {
    const world = readyWorld();
    world.on(heads(1n));
    world.on(headsPage({ requestId: 1n, error: ErrorCode.UNAVAILABLE }));
    world.advance(5_000);
    assert.deepEqual(world.on(tick), []);
  });

  it("is not put off by later requests", () => {
    const world = caughtUp(8n);
    world.advance(1_000);
    world.on(heads(2n, 8n));
    world.on(headsPage({ requestId: 2n, watermark: 9n }));
    world.advance(1_000);
    assert.deepEqual(world.on(tick), [look(8n)]);
  });

  it("shows the device what it finds, and is silent when it finds nothing", () => {
    for (const [all, frames] of [
      [found, 1],
      [[], 0],
    ] as const) {
      const world = caughtUp(8n);
      world.advance(2_000);
      world.on(tick);
      assert.equal(world.on(headsPage({ requestId: 0n, heads: [...all], watermark: 9n })).length, frames);
      assert.equal(readyOf(world).readsUnderWay, 0);
    }
  });

  it("looks again two seconds after a look that failed, and says nothing of it", () => {
    const world = caughtUp(8n);
    world.advance(2_000);
    world.on(tick);
    assert.deepEqual(world.on(headsPage({ requestId: 0n, error: ErrorCode.UNAVAILABLE })), []);
    world.advance(1_999);
    assert.deepEqual(world.on(tick), []);
    world.advance(1);
    assert.deepEqual(world.on(tick), [look(8n)]);
  });

  it("does not look twice at once, however slow the look", () => {
    const world = caughtUp(8n);
    world.advance(2_000);
    world.on(tick);
    world.advance(10_000);
    assert.deepEqual(world.on(tick), []);
  });
});

describe("a look because something was lost", () => {
  const lost = (world: SessionWorld, inMs: number) =>
    world.on({ kind: "entries-lost", lookAtMs: world.now.monotonicMs + inMs });

  it("comes at the time that it was planned for, from the last watermark that the device has, and once", () => {
    const world = rested(8n);
    assert.deepEqual(lost(world, 7_000), []);
    world.advance(6_999);
    assert.deepEqual(world.on(tick), []);
    world.advance(1);
    assert.deepEqual(world.on(tick), [look(8n)]);
    world.on(headsPage({ requestId: 0n, watermark: 20n }));
    world.advance(60_000);
    assert.deepEqual(world.on(tick), []);
  });

  it("begins with what the device has asked for since", () => {
    const world = rested(8n);
    world.on(heads(2n, 8n));
    world.on(headsPage({ requestId: 2n, watermark: 30n }));
    lost(world, 0);
    assert.deepEqual(world.on(tick), [look(30n)]);
  });

  it("does not begin with what the device was shown unasked: that may have been dropped", () => {
    const world = rested(8n);
    lost(world, 0);
    world.on(tick);
    world.on(headsPage({ requestId: 0n, heads: found, watermark: 20n }));
    lost(world, 0);
    assert.deepEqual(world.on(tick), [look(8n)]);
  });

  it("is not needed before the device has its first answer", () => {
    const world = readyWorld();
    lost(world, 0);
    assert.deepEqual(world.on(tick), []);
    world.on(heads(1n));
    lost(world, 0);
    assert.deepEqual(world.on(tick), []);
    world.on(headsPage({ requestId: 1n, watermark: 8n }));
    assert.deepEqual(world.on(tick), [], "the second look follows in two seconds");
    world.advance(2_000);
    assert.deepEqual(world.on(tick), [look(8n)]);
  });

  it("comes once for several losses, at the earliest of their times", () => {
    const world = rested(8n);
    for (const inMs of [9_000, 3_000, 20_000]) lost(world, inMs);
    world.advance(2_999);
    assert.deepEqual(world.on(tick), []);
    world.advance(1);
    assert.deepEqual(world.on(tick), [look(8n)]);
    world.on(headsPage({ requestId: 0n }));
    world.advance(60_000);
    assert.deepEqual(world.on(tick), []);
  });

  it("does not put off the second look", () => {
    const world = caughtUp(8n);
    lost(world, 9_000);
    world.advance(2_000);
    assert.deepEqual(world.on(tick), [look(8n)]);
  });

  it("follows a look that was under way when it was lost: that one may have read too early", () => {
    const world = caughtUp(8n);
    world.advance(2_000);
    world.on(tick);
    for (const inMs of [9_000, 5_000, 20_000]) lost(world, inMs);
    world.on(headsPage({ requestId: 0n, watermark: 9n }));
    world.advance(4_999);
    assert.deepEqual(world.on(tick), []);
    world.advance(1);
    assert.deepEqual(world.on(tick), [look(8n)]);
  });

  it("goes on page by page, shows each, and carries no watermark that the device might keep", () => {
    const world = rested(8n);
    lost(world, 0);
    assert.deepEqual(world.on(tick), [look(8n)]);
    for (const watermark of [11n, 12n]) {
      const shown = onlyFrame(
        world.on(headsPage({ requestId: 0n, heads: found, watermark, hasMore: true })),
        "headsPage",
      );
      assert.deepEqual([shown.requestId, shown.watermark, shown.hasMore], [0n, 0n, false]);
      assert.equal(shown.heads?.length, 1);
      assert.deepEqual(world.on(tick), [look(watermark)]);
    }
    const last = onlyFrame(world.on(headsPage({ requestId: 0n, heads: found, watermark: 13n })), "headsPage");
    assert.deepEqual([last.requestId, last.watermark], [0n, 0n]);
    world.advance(60_000);
    assert.deepEqual(world.on(tick), []);
    assert.equal(readyOf(world).readsUnderWay, 0);
  });

  it("begins at the beginning again if something is lost between two pages", () => {
    const world = rested(8n);
    lost(world, 0);
    world.on(tick);
    world.on(headsPage({ requestId: 0n, heads: found, watermark: 11n, hasMore: true }));
    lost(world, 5_000);
    assert.deepEqual(world.on(tick), [look(8n)]);
  });

  it("begins at the beginning again, two seconds later, if a page fails", () => {
    const world = rested(8n);
    lost(world, 0);
    world.on(tick);
    world.on(headsPage({ requestId: 0n, heads: found, watermark: 11n, hasMore: true }));
    world.on(tick);
    assert.deepEqual(world.on(headsPage({ requestId: 0n, error: ErrorCode.UNAVAILABLE })), []);
    world.advance(1_999);
    assert.deepEqual(world.on(tick), []);
    world.advance(1);
    assert.deepEqual(world.on(tick), [look(8n)]);
  });

  it("comes at once when a socket that had dropped pushes has drained", () => {
    const world = rested(8n);
    assert.deepEqual(kinds(world.on({ kind: "lagging" })), ["pause-pushes"]);
    world.advance(10_000);
    assert.deepEqual(world.on(tick), [], "not before: it could not take it");
    assert.deepEqual(kinds(world.on({ kind: "drained-socket" })), ["resume-pushes"]);
    assert.deepEqual(world.on(tick), [look(8n)]);
  });
});

describe("a device that is behind", () => {
  const behind = (...conversationIds: bigint[]) => ({ kind: "behind" as const, conversationIds });
  const pointers = (init: Parameters<typeof headsPage>[0]) => {
    const event = headsPage(init);
    assert.ok(event.kind === "heads-page");
    return { kind: "pointers" as const, page: event.page };
  };

  it("is shown the heads of those conversations, as a page that nobody asked for", () => {
    const world = readyWorld();
    assert.deepEqual(world.on(behind(9n, 10n)), [{ kind: "read-pointers", conversationIds: [9n, 10n] }]);
    const shown = onlyFrame(world.on(pointers({ heads: found, watermark: 77n, hasMore: true })), "headsPage");
    assert.deepEqual([shown.requestId, shown.watermark, shown.hasMore], [0n, 0n, false]);
    assert.equal(shown.heads?.[0]?.conversationId, 9n);
  });

  it("is shown one such page at a time", () => {
    const world = readyWorld();
    world.on(behind(9n));
    assert.deepEqual(world.on(behind(10n)), []);
    world.on(pointers({ heads: found }));
    assert.deepEqual(kinds(world.on(behind(10n))), ["read-pointers"]);
  });

  it("is shown nothing if there is nothing, or if it cannot be read, and is pointed there again the next time", () => {
    for (const page of [{}, { error: ErrorCode.UNAVAILABLE }, { heads: found, error: ErrorCode.UNAVAILABLE }]) {
      const world = readyWorld();
      assert.deepEqual(world.on(behind()), []);
      world.on(behind(9n));
      assert.deepEqual(world.on(pointers(page)), []);
      assert.deepEqual(kinds(world.on(behind(9n))), ["read-pointers"]);
    }
  });

  it("has none of its own reads used up by that", () => {
    const world = readyWorld();
    world.on(behind(9n));
    assert.equal(readyOf(world).readsUnderWay, 0);
    world.on(heads(1n));
    world.on(pointers({ heads: found }));
    assert.equal(readyOf(world).readsUnderWay, 1);
  });
});
