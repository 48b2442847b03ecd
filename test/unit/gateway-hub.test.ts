import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createHubWorld, interest, leaseMs } from "../support/hub-world.js";
import { localSession } from "../support/local-session.js";

describe("hub", () => {
  it("makes a session reachable by its user's topic and by its route", async () => {
    const { hub, serves } = createHubWorld();
    const session = localSession(7n);
    await hub.attach(session);
    assert.deepEqual([...session.topics], ["u7"]);
    assert.equal(await serves(7n), true);
    assert.equal(hub.hasUser(7n), true);
    assert.deepEqual([...hub.sessionsOf(7n)], [session]);
    assert.equal(hub.sessionCount, 1);
  });

  it("listens to the user's topic before the route can bring anything", () => {
    const { hub } = createHubWorld();
    const session = localSession(7n);
    void hub.attach(session);
    assert.deepEqual([...session.topics], ["u7"], "without awaiting");
  });

  it("keeps the sessions of a user apart, and knows all of them", async () => {
    const { hub, serves } = createHubWorld();
    const [phone, laptop, other] = [localSession(7n), localSession(7n, { device: 2 }), localSession(8n)];
    for (const session of [phone, laptop, other]) await hub.attach(session);
    assert.deepEqual([...hub.sessionsOf(7n)], [phone, laptop]);
    assert.deepEqual([...hub.sessions()], [phone, laptop, other]);
    await hub.detach(phone);
    assert.deepEqual([...hub.sessionsOf(7n)], [laptop]);
    assert.equal(await serves(7n), true);
    await hub.detach(laptop);
    assert.equal(hub.hasUser(7n), false);
    assert.equal(await serves(7n), false);
    assert.equal(hub.sessionCount, 1);
  });

  it("detaches a session once", async () => {
    const { hub } = createHubWorld();
    const session = localSession(7n);
    await hub.detach(session);
    await hub.attach(session);
    await hub.detach(session);
    await hub.detach(session);
    assert.equal(hub.sessionCount, 0);
  });

  it("does not take the route of a newer session away with an older one", async () => {
    const { hub, serves } = createHubWorld();
    const [older, newer] = [localSession(7n, { epoch: 1n }), localSession(7n, { epoch: 2n })];
    await hub.attach(older);
    await hub.attach(newer);
    await hub.detach(older);
    assert.equal(await serves(7n), true);
  });

  it("wants a conversation while at least one local session listens to it", async () => {
    const { hub, isWanted } = createHubWorld();
    const [one, two] = [localSession(7n), localSession(8n)];
    for (const session of [one, two]) {
      await hub.attach(session);
      await hub.subscribeInterests(session, async () => [interest(9n)]);
      assert.ok(session.topics.has("c9"));
    }
    assert.equal(await isWanted(9n), true);
    await hub.detach(one);
    assert.equal(await isWanted(9n), true);
    hub.left(8n, 9n, 5n);
    assert.equal(await isWanted(9n), false);
    assert.equal(two.topics.has("c9"), false);
  });

  it("subscribes all sessions of a user who joins, and none of others", async () => {
    const { hub, isWanted } = createHubWorld();
    const [phone, laptop, other] = [localSession(7n), localSession(7n, { device: 2 }), localSession(8n)];
    for (const session of [phone, laptop, other]) await hub.attach(session);
    hub.joined(7n, 9n, 5n);
    hub.joined(7n, 9n, 5n);
    assert.deepEqual(
      [phone, laptop, other].map(({ topics }) => topics.has("c9")),
      [true, true, false],
    );
    hub.left(7n, 9n, 5n);
    assert.equal(phone.topics.has("c9"), false);
    assert.equal(await isWanted(9n), false);
  });

  it("knows the latest change of members that is in effect for those who listen", async () => {
    const { hub } = createHubWorld();
    const [ann, bob] = [localSession(7n), localSession(8n)];
    for (const session of [ann, bob]) await hub.attach(session);
    assert.equal(hub.rosterSeqOf(9n), undefined);
    await hub.subscribeInterests(ann, async () => [interest(9n, 3n)]);
    assert.equal(hub.rosterSeqOf(9n), 3n);
    hub.joined(8n, 9n, 5n);
    assert.equal(hub.rosterSeqOf(9n), 5n);
    hub.left(99n, 9n, 6n);
    assert.equal(hub.rosterSeqOf(9n), 6n, "also if it concerns nobody here");
    hub.left(99n, 9n, 4n);
    assert.equal(hub.rosterSeqOf(9n), 6n);
    for (const session of [ann, bob]) await hub.detach(session);
    assert.equal(hub.rosterSeqOf(9n), undefined);
  });

  it("does not take a change for effective because a later session has read of it", async () => {
    const { hub } = createHubWorld();
    const [ann, bob] = [localSession(7n), localSession(8n)];
    for (const session of [ann, bob]) await hub.attach(session);
    await hub.subscribeInterests(ann, async () => [interest(9n, 3n)]);
    await hub.subscribeInterests(bob, async () => [interest(9n, 5n)]);
    assert.equal(hub.rosterSeqOf(9n), 3n);
  });

  it("renews routes and wants before their leases end", async () => {
    const { advance, hub, isWanted, serves } = createHubWorld();
    const session = localSession(7n);
    await hub.attach(session);
    await hub.subscribeInterests(session, async () => [interest(9n)]);
    advance(leaseMs - 1);
    await hub.renewLeases();
    advance(leaseMs - 1);
    assert.deepEqual([await serves(7n), await isWanted(9n)], [true, true]);
    advance(1);
    assert.deepEqual([await serves(7n), await isWanted(9n)], [false, false]);
  });

  it("tells those sessions that have missed something of which the fabric did not know for a while", async () => {
    const missed: bigint[] = [];
    const { advance, hub } = createHubWorld({
      began() {},
      ended() {},
      missed: ({ identity }) => void missed.push(identity.userId),
      latestChange: () => 0n,
    });
    await hub.attach(localSession(7n));
    advance(leaseMs - 1);
    await hub.renewLeases();
    assert.deepEqual(missed, []);
    await hub.attach(localSession(8n));
    advance(leaseMs);
    await hub.attach(localSession(9n));
    await hub.renewLeases();
    assert.deepEqual(missed, [7n, 8n]);
  });

  it("does not tell the fabric of a session that goes because a newer one of its device is here", async () => {
    const { hub, routes } = createHubWorld();
    const told: bigint[] = [];
    const { attach } = routes;
    routes.attach = (route, ttlMs) => {
      told.push(route.epoch);
      return attach(route, ttlMs);
    };
    const [newer, older] = [localSession(7n, { epoch: 2n }), localSession(7n, { epoch: 1n })];
    older.dispatch = () => void hub.detach(older);
    for (const session of [newer, older]) await hub.attach(session);
    assert.deepEqual(told, [2n]);
    assert.equal(hub.sessionCount, 1);
  });

  it("leaves nothing behind when everybody has gone", async () => {
    const { hub, routes } = createHubWorld();
    const sessions = [localSession(7n), localSession(7n, { device: 2 }), localSession(8n)];
    for (const session of sessions) {
      await hub.attach(session);
      await hub.subscribeInterests(session, async () => [interest(9n), interest(10n)]);
    }
    for (const session of sessions) await hub.detach(session);
    assert.equal(routes.size, 0);
    assert.equal(hub.sessionCount, 0);
    assert.deepEqual([...hub.sessions()], []);
  });

  it("ends the older one of two sessions of a device, whichever of them arrives first", async () => {
    for (const epochs of [
      [1n, 2n],
      [2n, 1n],
    ]) {
      const { hub } = createHubWorld();
      const sessions = epochs.map((epoch) => localSession(7n, { epoch }));
      for (const session of sessions) await hub.attach(session);
      const ended = sessions.filter(({ events }) => events.length > 0).map(({ identity }) => identity.epoch);
      assert.deepEqual(ended, [1n]);
    }
  });

  it("leaves sessions of other devices alone when one arrives", async () => {
    const { hub } = createHubWorld();
    const phone = localSession(7n, { device: 1, epoch: 1n });
    await hub.attach(phone);
    await hub.attach(localSession(7n, { device: 2, epoch: 5n }));
    assert.deepEqual(phone.events, []);
  });
});

describe("a paused session", () => {
  /** Ann's phone, which listens to conversation 9. */
  async function listening() {
    const given = createHubWorld();
    const phone = localSession(7n);
    await given.hub.attach(phone);
    await given.hub.subscribeInterests(phone, async () => [interest(9n)]);
    return { ...given, phone };
  }

  it("is off all its topics until it is resumed, and then on all of them", async () => {
    const { hub, phone } = await listening();
    hub.pause(phone);
    assert.deepEqual([...phone.topics], []);
    assert.equal(hub.isPaused(phone), true);
    hub.resume(phone);
    assert.deepEqual([...phone.topics], ["u7", "c9"]);
    assert.equal(hub.isPaused(phone), false);
  });

  it("takes no other session of its user along", async () => {
    const { hub, phone } = await listening();
    const laptop = localSession(7n, { device: 2 });
    await hub.attach(laptop);
    hub.pause(phone);
    assert.deepEqual([...laptop.topics], ["u7"]);
    assert.equal(hub.isPaused(laptop), false);
  });

  it("stays reachable: routes and wants are others' business", async () => {
    const { hub, isWanted, phone, serves } = await listening();
    hub.pause(phone);
    assert.deepEqual([await serves(7n), await isWanted(9n)], [true, true]);
    assert.deepEqual([...hub.listenersOf(9n)], [phone]);
  });

  it("has joined what its user joins meanwhile, and left what it leaves, when it is resumed", async () => {
    const { hub, phone } = await listening();
    hub.pause(phone);
    hub.joined(7n, 10n, 3n);
    hub.left(7n, 9n, 4n);
    assert.deepEqual([...phone.topics], []);
    hub.resume(phone);
    assert.deepEqual([...phone.topics], ["u7", "c10"]);
  });

  it("is paused once, and resumed once", async () => {
    const { hub, phone } = await listening();
    hub.resume(phone);
    hub.pause(phone);
    hub.pause(phone);
    hub.resume(phone);
    phone.topics.clear();
    hub.resume(phone);
    assert.deepEqual([...phone.topics], []);
  });

  it("leaves nothing behind when it goes", async () => {
    const { hub, phone, routes } = await listening();
    hub.pause(phone);
    await hub.detach(phone);
    hub.resume(phone);
    assert.deepEqual([...phone.topics], []);
    assert.equal(routes.size, 0);
    assert.equal(hub.isPaused(phone), false);
  });
});

describe("a session that has joined by a change which has not come here", () => {
  /** Ann listens; Bob has read in the store that the latest change is the one at seq 5. */
  async function waiting() {
    const given = createHubWorld();
    const [ann, bob] = [localSession(7n), localSession(8n)];
    for (const session of [ann, bob]) await given.hub.attach(session);
    await given.hub.subscribeInterests(ann, async () => [interest(9n, 3n)]);
    await given.hub.subscribeInterests(bob, async () => [interest(9n, 5n)]);
    return { ...given, ann, bob };
  }

  it("is on the topic from that change on, whomever it concerns", async () => {
    const { bob, hub } = await waiting();
    assert.equal(bob.topics.has("c9"), false);
    hub.joined(99n, 9n, 4n);
    assert.equal(bob.topics.has("c9"), false);
    hub.left(99n, 9n, 5n);
    assert.ok(bob.topics.has("c9"));
    assert.equal(hub.rosterSeqOf(9n), 5n);
  });

  it("is not on it any more if that change says that it leaves", async () => {
    const { bob, hub } = await waiting();
    hub.left(8n, 9n, 6n);
    assert.equal(bob.topics.has("c9"), false);
    assert.deepEqual([...hub.conversationsOf(bob)], []);
  });

  it("leaves nothing behind when it goes while it waits", async () => {
    const { ann, bob, hub, isWanted, routes } = await waiting();
    await hub.detach(bob);
    hub.joined(99n, 9n, 5n);
    assert.equal(bob.topics.has("c9"), false);
    await hub.detach(ann);
    assert.equal(await isWanted(9n), false);
    assert.equal(routes.size, 0);
  });

  it("leaves nothing behind when all go at once", async () => {
    const { ann, bob, hub, routes } = await waiting();
    await Promise.all([hub.detach(ann), hub.detach(bob)]);
    assert.equal(routes.size, 0);
    assert.equal(hub.rosterSeqOf(9n), undefined);
  });
});

describe("a conversation that is delivered by user again", () => {
  it("has no listeners and is not wanted, and its users stay reachable", async () => {
    const { hub, isWanted, serves } = createHubWorld();
    const sessions = [localSession(7n), localSession(8n)];
    for (const session of sessions) {
      await hub.attach(session);
      await hub.subscribeInterests(session, async () => [interest(9n), interest(10n)]);
    }
    hub.dismiss(9n);
    for (const session of sessions) {
      assert.equal(session.topics.has("c9"), false);
      assert.deepEqual([...hub.conversationsOf(session)], [10n]);
    }
    assert.deepEqual([await isWanted(9n), await isWanted(10n), await serves(7n)], [false, true, true]);
    assert.deepEqual([...hub.listenersOf(9n)], []);
  });
});
