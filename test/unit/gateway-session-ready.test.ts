import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CloseCode, ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { GoawayReason } from "../../gen/ts/tidewire/v1/frame_pb.js";
import {
  ack,
  ann,
  attachingWorld,
  closeCode,
  drainingWorld,
  framesButLogin,
  heartbeat,
  kinds,
  login,
  onlyFrame,
  openingWorld,
  readMark,
  readyOf,
  readyWorld,
  sent,
  startWallMs,
} from "../support/session-world.js";

describe("a ready session", () => {
  it("answers a heartbeat with both clocks", () => {
    const world = readyWorld();
    world.advance(250);
    const frame = onlyFrame(world.on(heartbeat(123n)), "heartbeatOk");
    assert.deepEqual(frame, { clientTimeMs: 123n, serverTimeMs: BigInt(startWallMs + 250) });
  });

  it("closes after two and a half heartbeat intervals of silence", () => {
    const world = readyWorld();
    world.advance(74_999);
    assert.deepEqual(world.on({ kind: "tick" }), []);
    world.advance(1);
    assert.deepEqual(world.on({ kind: "tick" }), [{ kind: "close", code: CloseCode.HEARTBEAT_TIMEOUT }]);
  });

  for (const frame of [login(), ...framesButLogin].filter(({ kind }) => kind !== "logout")) {
    it(`counts ${frame.kind} as a sign of life`, () => {
      const world = readyWorld();
      world.advance(74_999);
      world.on(frame);
      world.advance(74_999);
      assert.equal(closeCode(world.on({ kind: "tick" })), undefined);
      world.advance(1_000); // that it was heard is written down once a second
      world.advance(1);
      assert.equal(closeCode(world.on({ kind: "tick" })), CloseCode.HEARTBEAT_TIMEOUT);
    });
  }

  it("does not take what the gateway does for a sign of life", () => {
    const world = readyWorld();
    world.advance(74_000);
    world.on({ kind: "fence", epoch: 1n });
    world.on({ kind: "outcomes", outcomes: [] });
    world.advance(1_000);
    assert.equal(closeCode(world.on({ kind: "tick" })), CloseCode.HEARTBEAT_TIMEOUT);
  });

  it("closes when its token has expired by the wall clock", () => {
    const world = readyWorld({ identity: { tokenExpiresAtMs: startWallMs + 10_000 } });
    world.advance(9_999);
    assert.deepEqual(world.on({ kind: "tick" }), []);
    world.advance(1);
    const effects = world.on({ kind: "tick" });
    assert.equal(onlyFrame(effects, "error").code, ErrorCode.TOKEN_EXPIRED);
    assert.equal(closeCode(effects), CloseCode.TOKEN_EXPIRED);
  });

  it("hands acks and read marks to the shell and says nothing", () => {
    const world = readyWorld();
    assert.deepEqual(kinds(world.on(ack)), ["acknowledge"]);
    assert.deepEqual(kinds(world.on(readMark)), ["mark-read"]);
  });

  it("answers a signal with an error and stays", () => {
    const world = readyWorld();
    const error = onlyFrame(world.on({ kind: "signal" }), "error");
    assert.equal(error.code, ErrorCode.UNSUPPORTED);
    assert.equal(error.closing, false);
    assert.equal(world.session.state, "ready");
  });

  it("closes on logout", () => {
    assert.deepEqual(readyWorld().on({ kind: "logout" }), [{ kind: "close", code: CloseCode.LOGGED_OUT }]);
  });

  it("spares a device that reads too slowly its pushes until its socket has drained", () => {
    const { on } = readyWorld();
    assert.deepEqual(on({ kind: "lagging" }), [{ kind: "pause-pushes" }]);
    assert.deepEqual(on({ kind: "drained-socket" }), [{ kind: "resume-pushes" }]);
  });

  it("closes a device that has let all retransmissions pass", () => {
    assert.deepEqual(readyWorld().on({ kind: "unresponsive" }), [{ kind: "close", code: CloseCode.SLOW_CONSUMER }]);
  });

  it("closes for a violation", () => {
    const problem = { code: ErrorCode.FRAME_TOO_LARGE, detail: "a frame has 70000 bytes, 65536 are allowed" };
    const effects = readyWorld().on({ kind: "violation", problem });
    assert.equal(onlyFrame(effects, "error").code, ErrorCode.FRAME_TOO_LARGE);
    assert.equal(closeCode(effects), CloseCode.PROTOCOL_ERROR);
  });
});

describe("renewal", () => {
  const laterMs = ann.tokenExpiresAtMs + 600_000;

  it("verifies a login of the same device, answers it, and lives on under the later token", () => {
    const world = readyWorld({ lastClientId: 3n });
    assert.deepEqual(world.on(login({ token: "token-2" })), [{ kind: "renew", token: "token-2" }]);
    const effects = world.on({ kind: "renewed", userId: ann.userId, tokenExpiresAtMs: laterMs });
    const ok = onlyFrame(effects, "loginOk");
    assert.equal(ok.tokenExpiresAtMs, BigInt(laterMs));
    assert.equal(ok.epoch, ann.epoch);
    assert.equal(ok.lastClientId, 3n);
    for (let waitedMs = 0; waitedMs < 900_000; waitedMs += 60_000) {
      world.on(heartbeat());
      world.advance(60_000);
    }
    assert.equal(closeCode(world.on({ kind: "tick" })), undefined);
  });

  it("refuses another device", () => {
    const world = readyWorld();
    const effects = world.on(login({ deviceId: "bob-phone" }));
    assert.equal(onlyFrame(effects, "error").code, ErrorCode.LOGIN_MISMATCH);
    assert.equal(closeCode(effects), CloseCode.LOGIN_MISMATCH);
  });

  it("refuses another device while a renewal is under way", () => {
    const world = readyWorld();
    world.on(login({ token: "token-2" }));
    assert.equal(closeCode(world.on(login({ deviceId: "bob-phone" }))), CloseCode.LOGIN_MISMATCH);
  });

  it("refuses another user", () => {
    const world = readyWorld();
    world.on(login({ token: "token-2" }));
    const effects = world.on({ kind: "renewed", userId: 8n, tokenExpiresAtMs: laterMs });
    assert.equal(onlyFrame(effects, "error").code, ErrorCode.LOGIN_MISMATCH);
    assert.equal(closeCode(effects), CloseCode.LOGIN_MISMATCH);
  });

  for (const [when, tokenExpiresAtMs] of [
    ["earlier", ann.tokenExpiresAtMs - 1],
    ["at the same time", ann.tokenExpiresAtMs],
  ] as const) {
    it(`refuses a token that expires ${when}`, () => {
      const world = readyWorld();
      world.on(login({ token: "token-2" }));
      const effects = world.on({ kind: "renewed", userId: ann.userId, tokenExpiresAtMs });
      assert.equal(onlyFrame(effects, "error").code, ErrorCode.LOGIN_MISMATCH);
      assert.equal(closeCode(effects), CloseCode.LOGIN_MISMATCH);
    });
  }

  it("closes when the token cannot be verified", () => {
    const world = readyWorld();
    world.on(login({ token: "forged" }));
    const problem = { code: ErrorCode.UNAUTHENTICATED, detail: "the signature is wrong" };
    assert.equal(closeCode(world.on({ kind: "renew-failed", problem })), CloseCode.UNAUTHENTICATED);
  });

  it("verifies one token at a time", () => {
    const world = readyWorld();
    world.on(login({ token: "token-2" }));
    assert.deepEqual(world.on(login({ token: "token-3" })), []);
    world.on({ kind: "renewed", userId: ann.userId, tokenExpiresAtMs: laterMs });
    assert.deepEqual(kinds(world.on(login({ token: "token-4" }))), ["renew"]);
  });

  it("does not save a session whose old token expires meanwhile", () => {
    const world = readyWorld({ identity: { tokenExpiresAtMs: startWallMs + 1_000 } });
    world.on(login({ token: "token-2" }));
    world.advance(1_000);
    assert.equal(closeCode(world.on({ kind: "tick" })), CloseCode.TOKEN_EXPIRED);
  });
});

describe("a fence", () => {
  for (const given of [attachingWorld, readyWorld, drainingWorld]) {
    const { state } = given().session;

    it(`ends a session that is ${state} when its device has opened a newer one`, () => {
      const world = given();
      const effects = world.on({ kind: "fence", epoch: ann.epoch + 1n });
      assert.equal(onlyFrame(effects, "goaway").reason, GoawayReason.REPLACED);
      assert.equal(closeCode(effects), CloseCode.REPLACED);
      assert.equal(world.session.state, "closed");
    });

    for (const epoch of [ann.epoch, ann.epoch - 1n]) {
      it(`leaves a session of epoch ${ann.epoch} that is ${state} alone when it names ${epoch}`, () => {
        const world = given();
        const before = world.session;
        assert.deepEqual(world.on({ kind: "fence", epoch }), []);
        assert.equal(world.session, before);
      });
    }
  }

  it("does not concern a session that has no identity yet", () => {
    const world = openingWorld();
    assert.deepEqual(world.on({ kind: "fence", epoch: 99n }), []);
    assert.equal(world.session.state, "opening");
  });

  it("says goodbye before it closes", () => {
    const effects = readyWorld().on({ kind: "fence", epoch: 6n });
    assert.deepEqual(kinds(effects), ["send", "close"]);
    assert.equal(sent(effects).length, 1);
  });
});

describe("a session with an identity", () => {
  it("keeps what it knows when an event leaves it alone", () => {
    const world = readyWorld();
    const before = readyOf(world);
    assert.deepEqual(world.on({ kind: "drained" }), []);
    assert.deepEqual(world.on({ kind: "attached" }), []);
    assert.equal(world.session, before);
  });

  it("takes an ack up to the limit that the login stated, and closes for a longer one", () => {
    const world = readyWorld();
    const cursors = Array.from({ length: world.rules.limits.ackMax + 1 }, (_, index) => ({
      conversationId: BigInt(index + 1),
      seq: 1n,
    }));
    assert.deepEqual(kinds(world.on({ kind: "ack", cursors: cursors.slice(1) })), ["acknowledge"]);
    const effects = world.on({ kind: "ack", cursors });
    assert.equal(onlyFrame(effects, "error").code, ErrorCode.MALFORMED);
    assert.equal(closeCode(effects), CloseCode.PROTOCOL_ERROR);
  });
});
