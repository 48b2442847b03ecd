import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { DeliverySchema } from "../../gen/ts/tidewire/v1/delivery_pb.js";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { createManualClock } from "../support/clock.js";
import { failsWith } from "../support/errors.js";
import { type Engine, startServices, type TestServices, type TestUser } from "../support/services.js";

function open(world: TestServices, user: TestUser, deviceId: string) {
  return world.accounts.openSession({ token: user.accessToken, deviceId, platform: "cli" });
}

for (const engine of ["postgresql", "embedded"] as Engine[]) {
  describe(`sessions on ${engine}`, () => {
    let world: TestServices;
    before(async () => {
      world = await startServices({ engine, settings: { devicesPerUserMax: 5 } });
    });
    after(() => world[Symbol.asyncDispose]());

    it("number a user's devices from 1 and raise a device's epoch with every login", async () => {
      const [ann, bob] = [await world.registerUser("ann"), await world.registerUser("bob")];
      const places: [device: number, epoch: bigint][] = [];
      for (const [user, deviceId] of [
        [ann, "phone"],
        [ann, "laptop"],
        [ann, "phone"],
        [bob, "phone"],
      ] as const) {
        const { userId, device, epoch, lastClientId, storeId } = await open(world, user, deviceId);
        assert.equal(userId, user.userId);
        assert.equal(storeId, world.store.storeId);
        assert.equal(lastClientId, 0n);
        places.push([device, epoch]);
      }
      assert.deepEqual(places, [
        [1, 1n],
        [2, 1n],
        [1, 2n],
        [1, 1n],
      ]);
    });

    it("opened at the same time for many new devices get a number each, up to the limit", async () => {
      const cem = await world.registerUser("cem");
      const openings = Array.from({ length: 8 }, (_, index) => open(world, cem, `device ${index}`));
      const outcomes = await Promise.allSettled(openings);
      const numbers = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value.device] : []));
      assert.deepEqual(numbers.sort(), [1, 2, 3, 4, 5]);
      for (const outcome of outcomes) {
        if (outcome.status === "rejected") failsWith(ErrorCode.TOO_MANY_DEVICES)(outcome.reason);
      }
      const known = outcomes.findIndex((outcome) => outcome.status === "fulfilled");
      assert.equal((await open(world, cem, `device ${known}`)).epoch, 2n, "a known device may always come back");
    });

    it("opened at the same time for one device get an epoch each", async () => {
      const dan = await world.registerUser("dan");
      const opened = await Promise.all(Array.from({ length: 6 }, () => open(world, dan, "phone")));
      assert.deepEqual(opened.map((session) => Number(session.epoch)).sort(), [1, 2, 3, 4, 5, 6]);
      assert.deepEqual(new Set(opened.map((session) => session.device)), new Set([1]));
    });

    it("tell the last client_id whose outcome is stored", async () => {
      const eve = await world.registerUser("eve");
      await open(world, eve, "phone");
      await world.store.sql`update device set last_client_id = 17 where user_id = ${eve.userId}`;
      assert.equal((await open(world, eve, "phone")).lastClientId, 17n);
    });
  });
}

describe("sessions", () => {
  it("fence the device's older session at the gateway that serves it", async () => {
    await using world = await startServices();
    const ann = await world.registerUser("ann");
    const payloads: Uint8Array[] = [];
    await using _consumer = await world.fabric.streams.consume("gateway", (entry) => payloads.push(entry.payload));
    const { device, epoch } = await open(world, ann, "phone");
    await world.fabric.routes.attach({ userId: ann.userId, device, epoch, gateway: "gateway" }, 60_000);
    await open(world, ann, "phone");
    await new Promise((resolve) => setImmediate(resolve));
    const fences = payloads.flatMap((payload) => fromBinary(DeliverySchema, payload).fences);
    assert.deepEqual(
      fences.map((fence) => [fence.userId, fence.device, fence.epoch]),
      [[ann.userId, 1, 2n]],
    );
  });

  it("are refused without a valid token or a device id, and then leave no trace", async () => {
    const clock = createManualClock({ startMs: Date.now() });
    await using world = await startServices({ clock });
    const ann = await world.registerUser("ann");
    const opening = { token: ann.accessToken, deviceId: "phone" };
    const refusals: [ErrorCode, Partial<typeof opening> & { platform?: string }][] = [
      [ErrorCode.UNAUTHENTICATED, { token: "" }],
      [ErrorCode.UNAUTHENTICATED, { token: `${ann.accessToken}x` }],
      [ErrorCode.INVALID_ARGUMENT, { token: "x".repeat(4097) }],
      [ErrorCode.INVALID_ARGUMENT, { deviceId: "" }],
      [ErrorCode.INVALID_ARGUMENT, { deviceId: "\0" }],
      [ErrorCode.INVALID_ARGUMENT, { deviceId: "x".repeat(65) }],
      [ErrorCode.INVALID_ARGUMENT, { platform: "x".repeat(33) }],
    ];
    for (const [code, change] of refusals) {
      await assert.rejects(world.accounts.openSession({ ...opening, ...change }), failsWith(code));
    }
    clock.advance(15 * 60_000);
    await assert.rejects(world.accounts.openSession(opening), failsWith(ErrorCode.TOKEN_EXPIRED));
    const [devices] = await world.store.sql<{ count: bigint }[]>`select count(*) from device`;
    assert.equal(devices?.count, 0n);
  });

  it("are refused to a user whose account is gone", async () => {
    await using world = await startServices();
    const { token } = await world.accessTokens.issue(12345n);
    const call = world.accounts.openSession({ token, deviceId: "phone" });
    await assert.rejects(call, failsWith(ErrorCode.UNAUTHENTICATED));
  });

  it("are renewed by a later token, which says whose it is and how long it lasts", async () => {
    const clock = createManualClock({ startMs: Date.now() });
    await using world = await startServices({ clock });
    const ann = await world.registerUser("ann");
    const renewed = await world.accounts.renewSession({ token: ann.accessToken });
    assert.equal(renewed.userId, ann.userId);
    assert.equal(renewed.tokenExpiresAtMs, BigInt(Math.floor(clock.nowMs() / 1000) * 1000 + 15 * 60_000));
    clock.advance(15 * 60_000);
    const call = world.accounts.renewSession({ token: ann.accessToken });
    await assert.rejects(call, failsWith(ErrorCode.TOKEN_EXPIRED));
  });
});
