import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CloseCode, ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import {
  ann,
  attachingWorld,
  closeCode,
  framesButLogin,
  greetingWorld,
  kinds,
  login,
  onlyFrame,
  openingWorld,
  readyWorld,
  startWallMs,
  upMsg,
} from "../support/session-world.js";

describe("login", () => {
  it("opens the session first, attaches it second, and says login_ok only then", () => {
    const world = greetingWorld();
    assert.deepEqual(kinds(world.on(login())), ["open"]);
    assert.deepEqual(world.on({ kind: "opened", identity: ann, lastClientId: 41n }), [
      { kind: "attach", identity: ann },
    ]);
    assert.deepEqual(kinds(world.on({ kind: "attached" })), ["send"]);
    assert.equal(world.session.state, "ready");
  });

  it("tells the device who it is, where its numbering stands, and what this server accepts", () => {
    const world = attachingWorld({ lastClientId: 41n });
    assert.deepEqual(onlyFrame(world.on({ kind: "attached" }), "loginOk"), {
      userId: ann.userId,
      sessionId: ann.sessionId,
      device: ann.device,
      epoch: ann.epoch,
      lastClientId: 41n,
      storeId: ann.storeId,
      heartbeatIntervalMs: 30_000,
      ackDelayMs: 200,
      limits: world.rules.limits,
      serverTimeMs: BigInt(startWallMs),
      tokenExpiresAtMs: BigInt(ann.tokenExpiresAtMs),
    });
  });

  it("goes on with the client_id after the last one whose outcome is stored", () => {
    const world = readyWorld({ lastClientId: 41n });
    assert.deepEqual(kinds(world.on(upMsg(42n))), ["charge", "submit"]);
  });

  it("refuses a login without a device_id", () => {
    const effects = greetingWorld().on(login({ deviceId: "" }));
    assert.equal(onlyFrame(effects, "error").code, ErrorCode.MALFORMED);
    assert.equal(closeCode(effects), CloseCode.PROTOCOL_ERROR);
  });

  for (const frame of framesButLogin) {
    it(`answers ${frame.kind} before login with an error and closes`, () => {
      const world = greetingWorld();
      const effects = world.on(frame);
      const error = onlyFrame(effects, "error");
      assert.equal(error.code, ErrorCode.LOGIN_REQUIRED);
      assert.equal(error.closing, true);
      assert.equal(closeCode(effects), CloseCode.LOGIN_REQUIRED);
      assert.equal(world.session.state, "closed");
    });
  }

  for (const given of [openingWorld, attachingWorld]) {
    for (const frame of [login(), ...framesButLogin]) {
      it(`closes when ${frame.kind} is sent before login is answered, ${given().session.state}`, () => {
        const effects = given().on(frame);
        assert.equal(onlyFrame(effects, "error").code, ErrorCode.LOGIN_REQUIRED);
        assert.equal(closeCode(effects), CloseCode.LOGIN_REQUIRED);
      });
    }
  }

  for (const given of [greetingWorld, openingWorld, attachingWorld]) {
    const { state } = given().session;

    it(`gives a connection that is ${state} until its deadline, and no longer`, () => {
      const world = given();
      world.advance(4_999);
      assert.deepEqual(world.on({ kind: "tick" }), []);
      world.advance(1);
      const effects = world.on({ kind: "tick" });
      assert.equal(onlyFrame(effects, "error").code, ErrorCode.LOGIN_REQUIRED);
      assert.equal(closeCode(effects), CloseCode.LOGIN_TIMEOUT);
    });

    it(`closes at once when the gateway drains and a connection is ${state}`, () => {
      const effects = given().on({ kind: "drain", reconnectAfterMs: 1 });
      assert.deepEqual(effects, [{ kind: "close", code: CloseCode.GOING_AWAY }]);
    });

    it(`closes for a violation when a connection is ${state}`, () => {
      const world = given();
      const effects = world.on({ kind: "violation", problem: { code: ErrorCode.MALFORMED, detail: "rubbish came" } });
      assert.match(onlyFrame(effects, "error").advice ?? "", /^rubbish came\. /);
      assert.equal(closeCode(effects), CloseCode.PROTOCOL_ERROR);
    });

    it(`ignores what concerns sessions further on when a connection is ${state}`, () => {
      const world = given();
      const before = world.session;
      for (const event of [
        { kind: "outcomes", outcomes: [] },
        { kind: "lane-gave-up" },
        { kind: "renewed", userId: 7n, tokenExpiresAtMs: 1 },
        { kind: "drained" },
        { kind: "lagging" },
      ] as const) {
        assert.deepEqual(world.on(event), [], event.kind);
      }
      assert.equal(world.session, before);
    });
  }

  for (const [code, closesWith] of [
    [ErrorCode.UNAUTHENTICATED, CloseCode.UNAUTHENTICATED],
    [ErrorCode.TOKEN_EXPIRED, CloseCode.TOKEN_EXPIRED],
    [ErrorCode.TOO_MANY_DEVICES, CloseCode.FORBIDDEN],
    [ErrorCode.FORBIDDEN, CloseCode.FORBIDDEN],
    [ErrorCode.RATE_LIMITED, CloseCode.BUSY],
    [ErrorCode.BUSY, CloseCode.BUSY],
    [ErrorCode.UNAVAILABLE, CloseCode.UNAVAILABLE],
    [ErrorCode.INTERNAL, CloseCode.UNAVAILABLE],
    [ErrorCode.INVALID_ARGUMENT, CloseCode.PROTOCOL_ERROR],
  ] as const) {
    it(`closes with ${CloseCode[closesWith]} when opening fails with ${ErrorCode[code]}`, () => {
      const effects = openingWorld().on({ kind: "open-failed", problem: { code, detail: "no", retryAfterMs: 30 } });
      const error = onlyFrame(effects, "error");
      assert.equal(error.code, code);
      assert.equal(error.retryAfterMs, 30);
      assert.equal(closeCode(effects), closesWith);
    });
  }

  it("is not ready before its topics and routes are set up", () => {
    const world = openingWorld();
    assert.deepEqual(world.on({ kind: "attached" }), []);
    assert.equal(world.session.state, "opening");
  });

  it("closes when attaching fails", () => {
    const effects = attachingWorld().on({
      kind: "open-failed",
      problem: { code: ErrorCode.UNAVAILABLE, detail: "no" },
    });
    assert.equal(closeCode(effects), CloseCode.UNAVAILABLE);
  });

  it("keeps the advice within 200 bytes, however long the problem", () => {
    const effects = openingWorld().on({
      kind: "open-failed",
      problem: { code: ErrorCode.INTERNAL, detail: "x".repeat(500) },
    });
    assert.equal(Buffer.byteLength(onlyFrame(effects, "error").advice ?? ""), 200);
  });

  it("does nothing once it is closed, whatever happens", () => {
    const world = greetingWorld();
    world.on({ kind: "logout" });
    for (const event of [login(), ...framesButLogin]) assert.deepEqual(world.on(event), []);
    assert.deepEqual(world.on({ kind: "opened", identity: ann, lastClientId: 0n }), []);
    assert.deepEqual(world.on({ kind: "attached" }), []);
    assert.deepEqual(world.on({ kind: "tick" }), []);
    assert.deepEqual(world.on({ kind: "fence", epoch: 99n }), []);
    assert.equal(world.session.state, "closed");
  });
});
