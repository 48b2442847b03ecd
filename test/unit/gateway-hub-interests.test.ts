import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { LocalSession } from "../../gateway/hub/local-session.js";
import { createHubWorld, interest } from "../support/hub-world.js";
import { localSession } from "../support/local-session.js";

describe("interests that are read from the store", () => {
  it("does not subscribe what the user has left while its interests were being read", async () => {
    const { hub, isWanted } = createHubWorld();
    const session = localSession(7n);
    await hub.attach(session);
    await hub.subscribeInterests(session, async () => {
      hub.left(7n, 9n, 5n);
      return [interest(9n), interest(10n)];
    });
    assert.deepEqual([...session.topics], ["u7", "c10"]);
    assert.equal(await isWanted(9n), false);
  });

  it("subscribes it all the same if the user has joined again before they were read", async () => {
    const { hub } = createHubWorld();
    const session = localSession(7n);
    await hub.attach(session);
    await hub.subscribeInterests(session, async () => {
      hub.left(7n, 9n, 5n);
      hub.joined(7n, 9n, 5n);
      return [interest(9n)];
    });
    assert.ok(session.topics.has("c9"));
  });

  it("takes what is read later for newer than what the user left before", async () => {
    const { hub } = createHubWorld();
    const session = localSession(7n);
    await hub.attach(session);
    await hub.subscribeInterests(session, async () => [interest(9n)]);
    hub.left(7n, 9n, 5n);
    await hub.subscribeInterests(session, async () => [interest(9n, 7n)]);
    assert.ok(session.topics.has("c9"));
  });

  it("reads again if somebody else has read of a later change of members: this user may have left by it", async () => {
    const { hub } = createHubWorld();
    const [ann, bob] = [localSession(7n), localSession(8n)];
    for (const session of [ann, bob]) await hub.attach(session);
    await hub.subscribeInterests(ann, async () => [interest(9n, 4n)]);
    const readings = [[interest(9n, 1n), interest(10n, 1n)], [interest(10n, 1n)]];
    await hub.subscribeInterests(bob, async () => readings.shift() ?? assert.fail("read three times"));
    assert.deepEqual([hub.isListening(bob, 9n), hub.isListening(bob, 10n)], [false, true]);
    assert.deepEqual(readings, []);
  });

  it("looks again later if all readings are older than what is in effect", async () => {
    const missed: bigint[] = [];
    const observer = {
      began() {},
      ended() {},
      missed: ({ identity }: LocalSession) => void missed.push(identity.userId),
      latestChange: () => 0n,
    };
    const { hub } = createHubWorld(observer);
    const [ann, bob] = [localSession(7n), localSession(8n)];
    for (const session of [ann, bob]) await hub.attach(session);
    await hub.subscribeInterests(ann, async () => [interest(9n, 4n)]);
    await hub.subscribeInterests(bob, async () => [interest(9n, 3n)]);
    assert.equal(hub.isListening(bob, 9n), false);
    assert.deepEqual(missed, [8n]);
  });

  it("can be asked to read again after a reading has failed", async () => {
    const { hub } = createHubWorld();
    const session = localSession(7n);
    await hub.attach(session);
    const away = () => Promise.reject(new Error("away"));
    await assert.rejects(hub.subscribeInterests(session, away), /away/);
    assert.equal(hub.isListening(session, 9n), false);
    await hub.subscribeInterests(session, async () => [interest(9n)]);
    assert.equal(hub.isListening(session, 9n), true);
  });

  it("does nothing for a session that has gone while its interests were being read", async () => {
    const { hub, isWanted } = createHubWorld();
    const session = localSession(7n);
    await hub.attach(session);
    await hub.subscribeInterests(session, async () => {
      await hub.detach(session);
      return [interest(9n)];
    });
    assert.equal(await isWanted(9n), false);
    assert.equal(session.topics.has("c9"), false);
  });
});
