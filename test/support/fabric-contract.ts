import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import type { DeliveryStreams, Fabric, GatewayId, Route, StreamEntry } from "../../runtime/fabric/fabric.js";
import { describeMarks } from "./fabric-marks-contract.js";

/** A fabric under test, and the time it lives in. */
export type FabricWorld = {
  fabric: Fabric;
  /** Lets `ms` pass for the fabric: at once where its clock is injected, really where it is not. */
  pass(ms: number): Promise<void>;
};

/** Short, so that implementations which live in real time stay quick; long enough not to expire by accident. */
const ttlMs = 400;

/** Registers what every implementation of Fabric has to do. `createWorld` makes a fabric that holds nothing. */
export function describeFabric(name: string, createWorld: () => Promise<FabricWorld>): void {
  describe(`fabric in ${name}`, () => {
    const worlds: FabricWorld[] = [];
    const world = async () => {
      const created = await createWorld();
      worlds.push(created);
      return created;
    };
    afterEach(async () => {
      for (const { fabric } of worlds.splice(0)) await fabric[Symbol.asyncDispose]();
    });
    describeStreams(world);
    describeRoutes(world);
    describeInterests(world);
    describeDirectory(world);
    describeLimits(world);
    describeLeases(world);
    describeMarks(world);
  });
}

export type MakeWorld = () => Promise<FabricWorld>;

function describeStreams(world: MakeWorld): void {
  it("delivers a publisher's entries in order, numbered without a gap", async () => {
    const { fabric } = await world();
    await using inbox = await openInbox(fabric.streams, "g1");
    for (let i = 0; i < 100; i++) await fabric.streams.publish("g1", Uint8Array.of(i));
    const entries = await inbox.take(100);
    assert.deepEqual(payloadsOf(entries), [...Array(100).keys()]);
    assertNumbered(entries);
  });

  it("keeps the order of entries that are published without waiting", async () => {
    const { fabric } = await world();
    await using inbox = await openInbox(fabric.streams, "g1");
    await Promise.all([...Array(100).keys()].map((i) => fabric.streams.publish("g1", Uint8Array.of(i))));
    assert.deepEqual(payloadsOf(await inbox.take(100)), [...Array(100).keys()]);
  });

  it("delivers to the addressed gateway alone", async () => {
    const { fabric } = await world();
    await using one = await openInbox(fabric.streams, "g1");
    await using two = await openInbox(fabric.streams, "g2");
    await fabric.streams.publish("g1", Uint8Array.of(1));
    await fabric.streams.publish("g2", Uint8Array.of(2));
    assert.deepEqual(payloadsOf(await one.take(1)), [1]);
    assert.deepEqual(payloadsOf(await two.take(1)), [2]);
  });

  it("never runs the consumer inside publish", async () => {
    const { fabric } = await world();
    let publishing = false;
    const seen: boolean[] = [];
    await using inbox = await openInbox(fabric.streams, "g1", () => seen.push(publishing));
    publishing = true;
    const published = fabric.streams.publish("g1", Uint8Array.of(1));
    publishing = false;
    await published;
    await inbox.take(1);
    assert.deepEqual(seen, [false]);
  });

  it("accepts entries for a gateway that is not there", async () => {
    const { fabric } = await world();
    await fabric.streams.publish("nobody", Uint8Array.of(1));
  });

  it("refuses a second consumer", async () => {
    const { fabric } = await world();
    await using _inbox = await openInbox(fabric.streams, "g1");
    await assert.rejects(fabric.streams.consume("g1", () => {}));
  });

  it("shows a consumer that left and came back that entries were lost", async () => {
    const { fabric } = await world();
    const before = await openInbox(fabric.streams, "g1");
    await fabric.streams.publish("g1", Uint8Array.of(1));
    const [first] = await before.take(1);
    await before[Symbol.asyncDispose]();
    await fabric.streams.publish("g1", Uint8Array.of(2));
    await using after = await openInbox(fabric.streams, "g1");
    await fabric.streams.publish("g1", Uint8Array.of(3));
    const [second] = await after.take(1);
    assert.ok(first && second);
    assert.deepEqual([...second.payload], [3]);
    const looksComplete = second.stream === first.stream && second.number === first.number + 1n;
    assert.ok(!looksComplete);
  });

  it("delivers nothing to a consumer that has left", async () => {
    const { fabric } = await world();
    const gone = await openInbox(fabric.streams, "g1");
    await gone[Symbol.asyncDispose]();
    await using marker = await openInbox(fabric.streams, "g2");
    await fabric.streams.publish("g1", Uint8Array.of(1));
    await fabric.streams.publish("g2", Uint8Array.of(2));
    await marker.take(1);
    assert.equal(gone.waiting, 0);
  });
}

function describeRoutes(world: MakeWorld): void {
  it("names the gateways of users, each with its users", async () => {
    const { fabric } = await world();
    await fabric.routes.attach(route({ userId: 1n, gateway: "g1" }), ttlMs);
    await fabric.routes.attach(route({ userId: 2n, gateway: "g1" }), ttlMs);
    await fabric.routes.attach(route({ userId: 2n, device: 2, gateway: "g2" }), ttlMs);
    assert.deepEqual(await usersByGateway(fabric, [1n, 2n, 3n]), { g1: [1n, 2n], g2: [2n] });
  });

  it("names a user once for a gateway that serves several of its devices", async () => {
    const { fabric } = await world();
    for (const device of [1, 2, 3]) await fabric.routes.attach(route({ device }), ttlMs);
    assert.deepEqual(await usersByGateway(fabric, [1n]), { g1: [1n] });
  });

  it("handles ids of 64 bits and the absence of any user", async () => {
    const { fabric } = await world();
    const userId = 2n ** 63n - 1n;
    await fabric.routes.attach(route({ userId }), ttlMs);
    assert.deepEqual(await usersByGateway(fabric, [userId]), { g1: [userId] });
    assert.deepEqual(await usersByGateway(fabric, []), {});
  });

  it("moves a device to another gateway when its epoch rises", async () => {
    const { fabric } = await world();
    await fabric.routes.attach(route({ epoch: 1n, gateway: "g1" }), ttlMs);
    await fabric.routes.attach(route({ epoch: 2n, gateway: "g2" }), ttlMs);
    assert.deepEqual(await usersByGateway(fabric, [1n]), { g2: [1n] });
  });

  it("ignores a route with a lower epoch", async () => {
    const { fabric } = await world();
    await fabric.routes.attach(route({ epoch: 10n, gateway: "g2" }), ttlMs);
    await fabric.routes.attach(route({ epoch: 9n, gateway: "g1" }), ttlMs);
    assert.deepEqual(await usersByGateway(fabric, [1n]), { g2: [1n] });
  });

  it("removes a route only for its own epoch and gateway", async () => {
    const { fabric } = await world();
    await fabric.routes.attach(route({ epoch: 2n }), ttlMs);
    await fabric.routes.detach(route({ epoch: 1n }));
    await fabric.routes.detach(route({ epoch: 2n, gateway: "g2" }));
    assert.deepEqual(await usersByGateway(fabric, [1n]), { g1: [1n] });
    await fabric.routes.detach(route({ epoch: 2n }));
    assert.deepEqual(await usersByGateway(fabric, [1n]), {});
  });

  it("leaves a user's other devices when one is removed", async () => {
    const { fabric } = await world();
    await fabric.routes.attach(route({ device: 1, gateway: "g1" }), ttlMs);
    await fabric.routes.attach(route({ device: 2, gateway: "g2" }), ttlMs);
    await fabric.routes.detach(route({ device: 1, gateway: "g1" }));
    assert.deepEqual(await usersByGateway(fabric, [1n]), { g2: [1n] });
  });

  it("forgets a route that is not renewed, and keeps one that is", async () => {
    const { fabric, pass } = await world();
    await fabric.routes.attach(route({ userId: 1n }), ttlMs);
    await fabric.routes.attach(route({ userId: 2n }), ttlMs);
    await pass(ttlMs * 0.6);
    await fabric.routes.attach(route({ userId: 2n }), ttlMs);
    await pass(ttlMs * 0.6);
    assert.deepEqual(await usersByGateway(fabric, [1n, 2n]), { g1: [2n] });
  });
}

function describeInterests(world: MakeWorld): void {
  it("tells a lease that begins from one that is renewed", async () => {
    const { fabric, pass } = await world();
    const attach = () => fabric.routes.attach(route({ epoch: 2n }), ttlMs);
    const want = () => fabric.routes.want("g1", 7n, ttlMs);
    assert.deepEqual([await attach(), await want()], ["begun", "begun"]);
    assert.deepEqual([await attach(), await want()], ["renewed", "renewed"]);
    await pass(ttlMs * 2);
    assert.deepEqual([await attach(), await want()], ["begun", "begun"], "after it has expired");
    await fabric.routes.detach(route({ epoch: 2n }));
    await fabric.routes.unwant("g1", 7n);
    assert.deepEqual([await attach(), await want()], ["begun", "begun"], "after it was removed");
  });

  it("names the gateways that want a conversation", async () => {
    const { fabric } = await world();
    await fabric.routes.want("g1", 7n, ttlMs);
    await fabric.routes.want("g2", 7n, ttlMs);
    await fabric.routes.want("g2", 8n, ttlMs);
    await fabric.routes.unwant("g1", 7n);
    assert.deepEqual(await fabric.routes.gatewaysWanting(7n), ["g2"]);
    assert.deepEqual(await fabric.routes.gatewaysWanting(9n), []);
  });

  it("forgets an interest that is not renewed, and keeps one that is", async () => {
    const { fabric, pass } = await world();
    await fabric.routes.want("g1", 7n, ttlMs);
    await fabric.routes.want("g2", 7n, ttlMs);
    await pass(ttlMs * 0.6);
    await fabric.routes.want("g2", 7n, ttlMs);
    await pass(ttlMs * 0.6);
    assert.deepEqual(await fabric.routes.gatewaysWanting(7n), ["g2"]);
  });
}

function describeDirectory(world: MakeWorld): void {
  const gateway = (id: GatewayId, connections: number) => ({ id, address: `wss://${id}.example`, connections });

  it("lists the gateways that are up, the least loaded first", async () => {
    const { fabric } = await world();
    for (const info of [gateway("g1", 30), gateway("g2", 10), gateway("g3", 20)])
      await fabric.gateways.announce(info, ttlMs);
    await fabric.gateways.announce(gateway("g1", 15), ttlMs);
    await fabric.gateways.withdraw("g3");
    assert.deepEqual(await fabric.gateways.list(), [gateway("g2", 10), gateway("g1", 15)]);
  });

  it("forgets a gateway that is not announced again", async () => {
    const { fabric, pass } = await world();
    await fabric.gateways.announce(gateway("g1", 0), ttlMs);
    await pass(ttlMs * 1.1);
    assert.deepEqual(await fabric.gateways.list(), []);
  });
}

function describeLimits(world: MakeWorld): void {
  const rate = { burst: 3, refillMs: 300 };
  const takeMany = async (fabric: Fabric, key: string, times: number) => {
    const kinds: string[] = [];
    for (let i = 0; i < times; i++) kinds.push((await fabric.limits.take(key, rate)).kind);
    return kinds;
  };

  it("allows a burst, then says how long to wait", async () => {
    const { fabric, pass } = await world();
    assert.deepEqual(await takeMany(fabric, "k", 3), ["allowed", "allowed", "allowed"]);
    const verdict = await fabric.limits.take("k", rate);
    assert.ok(verdict.kind === "limited");
    assert.ok(verdict.retryAfterMs > 0 && verdict.retryAfterMs <= rate.refillMs, String(verdict.retryAfterMs));
    await pass(verdict.retryAfterMs);
    assert.deepEqual(await takeMany(fabric, "k", 2), ["allowed", "limited"]);
  });

  it("limits each key by itself", async () => {
    const { fabric } = await world();
    await takeMany(fabric, "one", 4);
    assert.deepEqual(await takeMany(fabric, "two", 1), ["allowed"]);
  });
}

function describeLeases(world: MakeWorld): void {
  it("gives a lease to one owner at a time, who may renew it", async () => {
    const { fabric } = await world();
    assert.equal(await fabric.leases.acquire("sweeper", "a", ttlMs), true);
    assert.equal(await fabric.leases.acquire("sweeper", "b", ttlMs), false);
    assert.equal(await fabric.leases.acquire("sweeper", "a", ttlMs), true);
    assert.equal(await fabric.leases.acquire("another", "b", ttlMs), true);
  });

  it("gives a lease to somebody else once it has expired", async () => {
    const { fabric, pass } = await world();
    await fabric.leases.acquire("sweeper", "a", ttlMs);
    await pass(ttlMs * 0.6);
    await fabric.leases.acquire("sweeper", "a", ttlMs);
    await pass(ttlMs * 0.6);
    assert.equal(await fabric.leases.acquire("sweeper", "b", ttlMs), false);
    await pass(ttlMs * 0.6);
    assert.equal(await fabric.leases.acquire("sweeper", "b", ttlMs), true);
  });

  it("takes a lease back from its owner alone", async () => {
    const { fabric } = await world();
    await fabric.leases.acquire("sweeper", "a", ttlMs);
    await fabric.leases.release("sweeper", "b");
    assert.equal(await fabric.leases.acquire("sweeper", "b", ttlMs), false);
    await fabric.leases.release("sweeper", "a");
    assert.equal(await fabric.leases.acquire("sweeper", "b", ttlMs), true);
  });
}

function route(some: Partial<Route>): Route {
  return { userId: 1n, device: 1, epoch: 1n, gateway: "g1", ...some };
}

async function usersByGateway(fabric: Fabric, userIds: bigint[]): Promise<Record<GatewayId, bigint[]>> {
  const found = await fabric.routes.gatewaysOf(userIds);
  return Object.fromEntries([...found].map(([gateway, users]) => [gateway, users.toSorted()]));
}

function payloadsOf(entries: readonly StreamEntry[]): (number | undefined)[] {
  return entries.map((entry) => entry.payload[0]);
}

function assertNumbered(entries: readonly StreamEntry[]): void {
  const [first] = entries;
  assert.ok(first);
  for (const [index, entry] of entries.entries()) {
    assert.equal(entry.stream, first.stream);
    assert.equal(entry.number, first.number + BigInt(index));
  }
}

interface Inbox extends AsyncDisposable {
  /** Resolves with the next `count` entries as soon as they are there. */
  take(count: number): Promise<StreamEntry[]>;
  readonly waiting: number;
}

async function openInbox(streams: DeliveryStreams, gateway: GatewayId, onEntry = () => {}): Promise<Inbox> {
  const entries: StreamEntry[] = [];
  let notify = () => {};
  const consumer = await streams.consume(gateway, (entry) => {
    onEntry();
    entries.push(entry);
    notify();
  });
  return {
    take: (count) =>
      new Promise((resolve) => {
        notify = () => {
          if (entries.length >= count) resolve(entries.splice(0, count));
        };
        notify();
      }),
    get waiting() {
      return entries.length;
    },
    [Symbol.asyncDispose]: () => consumer[Symbol.asyncDispose](),
  };
}
