import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { SignJWT, UnsecuredJWT } from "jose";
import { CloseCode, ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { LoginSchema } from "../../gen/ts/tidewire/v1/frame_pb.js";
import { generateSigningKey, parseSigningKey, type SigningKey } from "../../services/account/signing-key.js";
import { sharedPostgres } from "../support/postgres.js";
import { startTestServer, type TestServer, type TestUser } from "../support/server.js";
import { connectWire, login, type WireClient } from "../support/wire-client.js";
import { type ClientFrameInit, joinFrames } from "../support/wire-framing.js";
import { assertClosed, createWitness, heartbeat, readLog, storedOf, text, type Witness } from "../support/witness.js";

/** Logins that must not succeed. After each test the others on this server must be as they were. */
describe("a login that must not succeed", () => {
  let server: TestServer;
  let witness: Witness;
  let user: TestUser;
  let key: SigningKey;
  let foreignKey: SigningKey;
  before(async () => {
    const tokenKey = (await generateSigningKey()).trim();
    key = await parseSigningKey(tokenKey, "the server's key");
    foreignKey = await parseSigningKey(await generateSigningKey(), "another key");
    const databaseUrl = await (await sharedPostgres()).createDatabase();
    server = await startTestServer({ databaseUrl, tokenKey, devicesPerUserMax: 2 });
    witness = await createWitness(server);
    user = await server.register("owner");
  });
  after(() => server[Symbol.asyncDispose]());
  afterEach(() => witness.assertUnharmed());

  const connect = () => connectWire(server.webSocketUrl);
  const nowS = () => Math.floor(Date.now() / 1_000);

  /** What this server would issue, but for what a test changes. */
  function tokenWith(changes: { claims?: object; header?: object; signer?: SigningKey; expiresAtS?: number }) {
    const signer = changes.signer ?? key;
    return new SignJWT({ iss: "tidewire", aud: "tidewire", sub: String(user.userId), ...changes.claims })
      .setProtectedHeader({ alg: "EdDSA", typ: "at+jwt", kid: key.keyId, ...changes.header })
      .setIssuedAt(nowS() - 100)
      .setExpirationTime(changes.expiresAtS ?? nowS() + 600)
      .sign(signer.privateKey);
  }

  it("accepts the token that the tests below spoil", async () => {
    const device = await connect();
    assert.equal((await login(device, await tokenWith({}), "spoiled")).userId, user.userId);
    await device.close();
  });

  const unauthenticated = { error: ErrorCode.UNAUTHENTICATED, close: CloseCode.UNAUTHENTICATED };
  const badTokens: [string, () => Promise<string> | string, RegExp][] = [
    ["an empty token", () => "", /it is empty/],
    ["a token that is none", () => "letmein", /not a token/],
    ["a token signed by somebody else", () => tokenWith({ signer: foreignKey }), /signature/],
    [
      "a token with an unknown key",
      () => tokenWith({ header: { kid: "other" } }),
      /key that this server does not know/,
    ],
    ["a token that brings its own key", () => tokenWith({ header: { jwk: { kty: "OKP" } } }), /"jwk".*not accepted/],
    [
      "a token of a foreign issuer",
      () => tokenWith({ claims: { iss: "https://elsewhere.example" } }),
      /issuer is not trusted/,
    ],
    ["a token for another audience", () => tokenWith({ claims: { aud: "another" } }), /"aud"/],
    ["a token of another type", () => tokenWith({ header: { typ: "JWT" } }), /"typ"/],
    ["a token for a subject that is no user", () => tokenWith({ claims: { sub: "admin" } }), /subject is not a user/],
    ["a token for a user that is gone", () => tokenWith({ claims: { sub: "12345" } }), /account.*does not exist/],
    ["a token that is not signed at all", () => unsigned(), /not acceptable/],
    ["a token whose payload was changed", async () => spoil(await tokenWith({})), /signature|not a token/],
  ];
  for (const [what, token, advice] of badTokens) {
    it(`refuses ${what}`, async () => {
      const device = await connect();
      sendLogin(device, await token());
      await assertClosed(device, { ...unauthenticated, advice });
    });
  }

  it("refuses an expired token with a code that says so, and below 4500: a new one will do", async () => {
    const device = await connect();
    sendLogin(device, await tokenWith({ expiresAtS: nowS() - 1 }));
    await assertClosed(device, {
      error: ErrorCode.TOKEN_EXPIRED,
      advice: /expired.*Fetch a new access token/,
      close: CloseCode.TOKEN_EXPIRED,
    });
    assert.ok((await device.closed).code < 4_500);
  });

  const malformed = { error: ErrorCode.MALFORMED, close: CloseCode.PROTOCOL_ERROR };
  it("refuses an oversized token before it looks at it", async () => {
    const device = await connect();
    sendLogin(device, "a".repeat(4_097));
    await assertClosed(device, { ...malformed, advice: /token is too long/ });
  });

  it("refuses an empty and an oversized device_id", async () => {
    for (const [deviceId, advice] of [
      ["", /device_id is empty/],
      ["d".repeat(65), /device_id is too long/],
    ] as const) {
      const device = await connect();
      sendLogin(device, user.token, deviceId);
      await assertClosed(device, { ...malformed, advice });
    }
  });

  it("refuses a login that is not UTF-8", async () => {
    const device = await connect();
    const fields = toBinary(LoginSchema, create(LoginSchema, { token: user.token, deviceId: "??" }));
    fields.fill(0xff, fields.lastIndexOf(0x3f) - 1);
    device.sendRaw(joinFrames([nest(1, fields)]));
    await assertClosed(device, { ...malformed, advice: /do not encode Login/ });
  });

  it("refuses one device more than a user may have, and lets those that it has in", async () => {
    const crowd = await server.register("crowd");
    for (const name of ["one", "two"]) await (await server.connect(crowd, name)).close();
    const third = await connect();
    sendLogin(third, crowd.token, "three");
    await assertClosed(third, {
      error: ErrorCode.TOO_MANY_DEVICES,
      advice: /has 2 devices.*Remove one/,
      close: CloseCode.FORBIDDEN,
    });
    await (await server.connect(crowd, "one")).close();
  });

  const loginRequired = { error: ErrorCode.LOGIN_REQUIRED, close: CloseCode.LOGIN_REQUIRED };
  const early: NonNullable<ClientFrameInit["frame"]>[] = [
    { case: "heartbeat", value: {} },
    { case: "upMsg", value: { clientId: 1n, target: { case: "peerUserId", value: 1n } } },
    { case: "ack", value: {} },
    { case: "sync", value: { requestId: 1n } },
    { case: "heads", value: { requestId: 1n } },
    { case: "readMark", value: {} },
    { case: "signal", value: {} },
    { case: "logout", value: {} },
  ];
  it("closes after any other frame that comes before login", async () => {
    for (const frame of early) {
      const device = await connect();
      device.send({ frame });
      await assertClosed(device, { ...loginRequired, advice: /came before login.*Send a login frame first/ });
    }
  });

  it("closes after a second frame before login is answered, and stores nothing of it", async () => {
    const device = await connect();
    const target = { case: "peerUserId", value: witness.peer.userId } as const;
    const frame: NonNullable<ClientFrameInit["frame"]> = {
      case: "login",
      value: { token: user.token, deviceId: "hasty" },
    };
    device.send({ frame }, text(1n, target, "too early"));
    await assertClosed(device, { ...loginRequired, advice: /up-msg came before login was answered/ });
    const calm = await server.connect(user, "spoiled");
    calm.send(text(1n, target, "in time"));
    const { conversationId } = storedOf(await calm.outcome());
    assert.deepEqual(await readLog(server, user, conversationId), [[1n, "in time"]]);
    await calm.close();
  });

  it("closes after two logins at once", async () => {
    const device = await connect();
    const frame: NonNullable<ClientFrameInit["frame"]> = {
      case: "login",
      value: { token: user.token, deviceId: "spoiled" },
    };
    device.send({ frame }, { frame });
    await assertClosed(device, { ...loginRequired, advice: /login came before login was answered/ });
  });

  const mismatch = { error: ErrorCode.LOGIN_MISMATCH, close: CloseCode.LOGIN_MISMATCH };
  it("closes when another user logs in on the same connection, and keeps what the first had stored", async () => {
    const other = await server.register("other");
    const device = await server.connect(user, "spoiled");
    const clientId = device.me.lastClientId + 1n;
    device.send(text(clientId, { case: "peerUserId", value: other.userId }, "mine"));
    const { conversationId } = storedOf(await device.outcome());
    sendLogin(device, other.token, "spoiled");
    await assertClosed(device, { ...mismatch, advice: /belongs to another user/ });
    assert.deepEqual(await readLog(server, other, conversationId), [[1n, "mine"]]);
    const again = await server.connect(user, "spoiled");
    assert.deepEqual([again.me.userId, again.me.lastClientId], [user.userId, clientId]);
    await again.close();
  });

  it("closes when another device logs in on the same connection", async () => {
    const device = await server.connect(user, "spoiled");
    sendLogin(device, await tokenWith({ expiresAtS: nowS() + 9_000 }), "hasty");
    await assertClosed(device, { ...mismatch, advice: /belongs to another device/ });
  });

  it("closes when a refresh brings a token that expires no later", async () => {
    const device = await server.connect(user, "spoiled");
    sendLogin(device, user.token, "spoiled");
    await assertClosed(device, { ...mismatch, advice: /expires no later/ });
  });

  it("closes when a refresh brings a token that is not acceptable", async () => {
    const device = await server.connect(user, "spoiled");
    sendLogin(device, await tokenWith({ signer: foreignKey, expiresAtS: nowS() + 9_000 }), "spoiled");
    await assertClosed(device, { ...unauthenticated, advice: /signature/ });
  });

  it("goes on after a refresh with a later token", async () => {
    const device = await server.connect(user, "spoiled");
    const { tokenExpiresAtMs } = await login(device, await tokenWith({ expiresAtS: nowS() + 9_000 }), "spoiled");
    assert.ok(tokenExpiresAtMs > device.me.tokenExpiresAtMs);
    await heartbeat(device);
    await device.close();
  });

  it("ends a session when its token expires", async () => {
    const device = await connect();
    await login(device, await tokenWith({ expiresAtS: nowS() + 2 }), "spoiled");
    await assertClosed(device, {
      error: ErrorCode.TOKEN_EXPIRED,
      advice: /token of this session has expired/,
      close: CloseCode.TOKEN_EXPIRED,
    });
  });

  function unsigned(): string {
    const claims = { iss: "tidewire", aud: "tidewire", sub: String(user.userId) };
    return new UnsecuredJWT(claims).setIssuedAt().setExpirationTime("10m").encode();
  }
});

function sendLogin(device: WireClient, token: string, deviceId = "spoiled"): void {
  device.send({ frame: { case: "login", value: { token, deviceId, platform: "test" } } });
}

/** Another subject under the same signature. */
function spoil(token: string): string {
  const [header, payload = "", signature] = token.split(".");
  const claims = { ...(JSON.parse(Buffer.from(payload, "base64url").toString()) as object), sub: "1" };
  return [header, Buffer.from(JSON.stringify(claims)).toString("base64url"), signature].join(".");
}

/** A length-delimited field of less than 16 KiB. */
function nest(field: number, body: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.of((field << 3) | 2, (body.length & 0x7f) | 0x80, body.length >> 7), body]);
}
