import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createBackoff } from "../../clients/typescript/src/backoff.js";
import { decodeServerFrames, encodeFrame, packFrames } from "../../clients/typescript/src/frames.js";
import { CloseCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { GoawayReason } from "../../gen/ts/tidewire/v1/frame_pb.js";
import { defaultLimits } from "../../gen/ts/tidewire/v1/limits.js";
import { DeviceWorld, decodeClientFrames, seededRandom } from "../support/device-world.js";
import { encodeServerFrame } from "../support/model-server.js";

const tokenLifeMs = 900_000;
const expiring = { serverTimeMs: 5_000_000n, tokenExpiresAtMs: 5_000_000n + BigInt(tokenLifeMs) };

function states(world: DeviceWorld): string[] {
  return world.told("connection").map(({ connection }) => connection.state);
}

describe("a device's connection", () => {
  it("goes from authorizing over connecting and greeting to ready", () => {
    const world = new DeviceWorld();
    assert.equal(world.core.connection.state, "idle");
    world.login();
    assert.deepEqual(states(world), ["authorizing", "connecting", "greeting", "ready"]);
  });

  it("sends login first, with the store that it knows", () => {
    const world = new DeviceWorld().login();
    world.restart();
    world.start("my token");
    world.open();
    const [login] = world.sentOf("login");
    assert.equal(login?.token, "my token");
    assert.equal(login?.deviceId, "device");
    assert.equal(login?.storeId, "store-1");
  });

  it("reconnects after every close code below 4500, and after codes that are not Tidewire's", () => {
    for (const code of [1000, 1006, CloseCode.GOING_AWAY, CloseCode.SLOW_CONSUMER, CloseCode.TOKEN_EXPIRED, 4499]) {
      const world = new DeviceWorld().login();
      world.hangUp(code);
      assert.equal(world.core.connection.state, "waiting", String(code));
      world.advance(30_000);
      world.giveToken("token");
      assert.equal(world.core.connection.state, "connecting");
    }
  });

  it("does not reconnect after 4500 and above, says why, and can be started again", () => {
    for (const code of [CloseCode.PROTOCOL_ERROR, CloseCode.UNAUTHENTICATED, CloseCode.REPLACED, 4999]) {
      const world = new DeviceWorld().login();
      world.hangUp(code);
      const { connection } = world.core;
      assert.ok(connection.state === "closed" && connection.reason.code === code && connection.reason.advice !== "");
      world.advance(100_000);
      assert.equal(world.core.connection.state, "closed");
      world.login();
      assert.equal(world.core.connection.state, "ready");
    }
  });

  it("gives the server's own words as the reason where it sent any", () => {
    const world = new DeviceWorld().login();
    world.say({ case: "error", value: { advice: "Mend this.", closing: true } });
    world.hangUp(CloseCode.PROTOCOL_ERROR);
    const { connection } = world.core;
    assert.ok(connection.state === "closed" && connection.reason.advice === "Mend this.");
  });

  it("spaces its attempts with full jitter under a ceiling from 0.5 to 30 s", () => {
    const most = createBackoff(() => 0.999_999);
    const ceilings = Array.from({ length: 9 }, () => most.nextMs());
    assert.deepEqual(ceilings, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
    const least = createBackoff(() => 0);
    assert.deepEqual([least.nextMs(), least.nextMs()], [0, 0]);
  });

  it("begins at 0.5 s again once the server has answered with heads, not merely with a login", () => {
    const world = new DeviceWorld({ random: () => 0.999_999 });
    world.start();
    const delays: number[] = [];
    for (const answers of [false, false, true, false]) {
      world.open();
      world.greet();
      if (answers) world.say({ case: "headsPage", value: { requestId: 0n } });
      world.hangUp();
      const { connection } = world.core;
      assert.ok(connection.state === "waiting");
      delays.push(Math.round(connection.reconnectAtMs - world.nowMs));
      world.advance(30_000);
      world.giveToken("token");
    }
    assert.deepEqual(delays, [500, 1_000, 500, 1_000]);
  });

  it("sends a first heartbeat at a random moment of the interval, then one each interval", () => {
    const world = new DeviceWorld({ random: () => 0.25 }).login({ heartbeatIntervalMs: 10_000 });
    const times: number[] = [];
    for (let second = 0; second < 24; second += 1) {
      world.say({ case: "heartbeatOk", value: {} });
      world.advance(500);
      if (world.sentOf("heartbeat").length > 0) times.push(world.nowMs);
    }
    assert.deepEqual(times, [2_500]);
    world.say({ case: "heartbeatOk", value: {} });
    world.advance(500);
    assert.equal(world.sentOf("heartbeat").length, 1);
  });

  it("gives a connection up after two and a half intervals of silence", () => {
    const world = new DeviceWorld().login({ heartbeatIntervalMs: 10_000 });
    world.advance(24_999);
    assert.deepEqual(states(world).at(-1), "ready");
    world.advance(1);
    const { connection } = world.core;
    assert.ok(connection.state === "waiting" && connection.reason.code === CloseCode.HEARTBEAT_TIMEOUT);
  });

  it("does not wait for ever for a token, a connection or a login_ok", () => {
    const stuck = [
      (world: DeviceWorld) => world.step({ kind: "start" }),
      (world: DeviceWorld) => world.start(),
      (world: DeviceWorld) => {
        world.start();
        world.open();
      },
    ];
    for (const go of stuck) {
      const world = new DeviceWorld({ random: () => 0.999 });
      go(world);
      const before = world.core.connection.state;
      world.advance(30_100);
      assert.ok(
        world.told("connection").some(({ connection }) => connection.state === "waiting"),
        before,
      );
    }
  });

  it("ignores what an earlier socket still reports", () => {
    const world = new DeviceWorld().login();
    const old = world.socket;
    world.hangUp();
    world.advance(30_000);
    world.giveToken("token");
    world.open();
    world.greet();
    world.step({ kind: "socket-closed", socket: old, code: 4500 });
    world.step({ kind: "socket-message", socket: old, bytes: Uint8Array.of(255) });
    assert.equal(world.core.connection.state, "ready");
  });

  it("tries again when the app's token cannot be had for now, and ends when it never can be", () => {
    for (const [outcome, state] of [
      ["retry", "waiting"],
      ["final", "closed"],
    ] as const) {
      const world = new DeviceWorld();
      world.step({ kind: "start" });
      world.step({ kind: "token-failed", request: 1, advice: "Log in.", outcome });
      assert.equal(world.core.connection.state, state);
    }
  });

  it("replaces its token within a minute of the expiry, on the same connection", () => {
    const world = new DeviceWorld({ random: () => 0 }).login({ ...expiring, heartbeatIntervalMs: tokenLifeMs });
    world.sent();
    world.advance(tokenLifeMs - 45_001);
    assert.equal(
      world.trace.some((done) => done.kind === "fetch-token" && done.request === 2),
      false,
    );
    world.advance(1);
    world.giveToken("later token");
    assert.equal(world.sentOf("login")[0]?.token, "later token");
    world.greet(expiring);
    assert.equal(world.core.connection.state, "ready");
    assert.deepEqual(states(world), []);
  });

  it("never sends the same token twice on a connection, because the server closes on that", () => {
    const world = new DeviceWorld({ random: () => 0 }).login({ ...expiring, heartbeatIntervalMs: tokenLifeMs });
    world.advance(tokenLifeMs - 45_000);
    world.sent();
    world.giveToken("token");
    assert.deepEqual(world.sentOf("login"), []);
    world.advance(5_000);
    world.giveToken("later token");
    assert.equal(world.sentOf("login").length, 1);
  });

  it("stays until the gateway closes after goaway, and comes back after the delay, elsewhere if told so", () => {
    const world = new DeviceWorld().login();
    const address = "ws://other/ws";
    world.say({ case: "goaway", value: { reason: GoawayReason.DRAINING, reconnectAfterMs: 4_000, address } });
    assert.equal(world.core.connection.state, "draining");
    world.advance(1_000);
    world.hangUp(CloseCode.GOING_AWAY);
    world.advance(2_999);
    assert.equal(world.core.connection.state, "waiting");
    world.advance(1);
    world.giveToken("token");
    assert.ok(world.trace.some((done) => done.kind === "connect" && done.address === address));
  });

  it("gives a draining gateway up if it does not close", () => {
    const world = new DeviceWorld({ random: () => 0.999 }).login();
    world.say({ case: "goaway", value: { reason: GoawayReason.DRAINING, reconnectAfterMs: 4_000 } });
    world.advance(14_000);
    assert.ok(world.trace.some((done) => done.kind === "disconnect"));
    assert.equal(world.core.connection.state, "waiting");
  });

  it("does not come back after being replaced, however the socket ends", () => {
    const world = new DeviceWorld().login();
    world.say({ case: "goaway", value: { reason: GoawayReason.REPLACED } });
    world.hangUp(1006);
    const { connection } = world.core;
    assert.ok(connection.state === "closed" && connection.reason.code === CloseCode.REPLACED);
  });

  it("refuses to mix the storages of two users", () => {
    const world = new DeviceWorld().login();
    world.restart();
    world.login({ userId: 8n });
    const { connection } = world.core;
    assert.ok(connection.state === "closed" && connection.reason.code === CloseCode.LOGIN_MISMATCH);
    assert.equal(world.table.snapshot.userId, 7n);
  });

  it("closes and tries again when the server sends bytes that are not frames", () => {
    const world = new DeviceWorld().login();
    world.step({ kind: "socket-message", socket: world.socket, bytes: Uint8Array.of(5, 1) });
    assert.ok(world.trace.some((done) => done.kind === "disconnect" && done.code === CloseCode.PROTOCOL_ERROR));
    assert.equal(world.core.connection.state, "waiting");
  });

  it("says what is pending and logs out when the app stops it", () => {
    const world = new DeviceWorld().login();
    world.say({ case: "push", value: { message: { conversationId: 1n, seq: 1n } } });
    world.sent();
    world.step({ kind: "stop", advice: "Bye." });
    assert.ok(world.trace.some((done) => done.kind === "disconnect"));
    assert.deepEqual(
      world.sent().map((frame) => frame.case),
      ["ack", "logout"],
    );
    assert.equal(world.core.deadlineMs(), undefined);
  });
});

describe("frames", () => {
  it("are packed into as few WebSocket messages as the limits allow, in order", () => {
    const heartbeat = (clientTimeMs: bigint) =>
      encodeFrame({ case: "heartbeat", value: { $typeName: "tidewire.v1.Heartbeat", clientTimeMs } });
    const frames = Array.from({ length: 250 }, (_, index) => heartbeat(BigInt(index + 1)));
    const packs = packFrames(frames, defaultLimits);
    assert.deepEqual(
      packs.map((pack) => decodeClientFrames(pack).length),
      [100, 100, 50],
    );
    assert.deepEqual(Buffer.concat(packs), Buffer.concat(frames));
    const bytes = frames[0]?.length ?? 0;
    const tight = packFrames(frames.slice(0, 4), { ...defaultLimits, messageMaxBytes: 2 * bytes });
    assert.equal(tight.length, 2);
  });

  it("are refused when cut anywhere", () => {
    const whole = encodeServerFrame({
      case: "goaway",
      value: { $typeName: "tidewire.v1.Goaway", reason: 1, reconnectAfterMs: 300, address: "ws://x" },
    });
    assert.equal(decodeServerFrames(whole).length, 1);
    for (let length = 1; length < whole.length; length += 1) {
      assert.throws(() => decodeServerFrames(whole.subarray(0, length)), `cut at ${length}`);
    }
  });

  it("never hang or crash the device, whatever bytes arrive", () => {
    const random = seededRandom(7);
    for (let round = 0; round < 2_000; round += 1) {
      const world = new DeviceWorld({ random }).login();
      const bytes = Uint8Array.from({ length: Math.floor(random() * 40) }, () => Math.floor(random() * 256));
      world.step({ kind: "socket-message", socket: world.socket, bytes });
      assert.ok(["ready", "waiting", "draining", "closed"].includes(world.core.connection.state));
    }
  });
});
