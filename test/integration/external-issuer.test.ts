import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, it } from "node:test";
import { type CryptoKey, exportJWK, exportSPKI, generateKeyPair, SignJWT } from "jose";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { TidewireError } from "../../runtime/error.js";
import { createExternalIssuer } from "../../services/account/external-issuer.js";
import { createManualClock } from "../support/clock.js";

const issuer = "https://login.example.org";
const audience = "our-chat";

/** An issuer on a port of its own that publishes its keys, and can be made to fail. */
async function startIssuer() {
  const pairs = {
    eddsa: await generateKeyPair("EdDSA", { crv: "Ed25519", extractable: true }),
    es256: await generateKeyPair("ES256", { extractable: true }),
    rs256: await generateKeyPair("RS256", { extractable: true }),
  };
  const published = await Promise.all(
    Object.entries(pairs).map(async ([kid, pair]) => ({ ...(await exportJWK(pair.publicKey)), kid })),
  );
  const state = { answer: "keys" as "keys" | "error" | "garbage", keys: published as object[], requests: 0 };
  const server = createServer((_request, response) => {
    state.requests++;
    if (state.answer === "error") response.statusCode = 503;
    response.end(state.answer === "garbage" ? "<html>" : JSON.stringify({ keys: state.keys }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const clock = createManualClock({ startMs: Date.now() });
  const nowS = Math.floor(clock.nowMs() / 1000);
  const claims = { iss: issuer, aud: audience, sub: "ann@example.org", iat: nowS, exp: nowS + 60 };
  const stop = async () => {
    if (!server.listening) return;
    server.close();
    server.closeAllConnections();
    await once(server, "close");
  };
  return {
    state,
    pairs,
    clock,
    stop,
    external: createExternalIssuer({ issuer, jwksUrl: `http://127.0.0.1:${port}/keys`, audience, clock }),
    sign: (
      changes: { kid?: string; alg?: string; key?: CryptoKey | Uint8Array; header?: object; claims?: object } = {},
    ) =>
      new SignJWT({ ...claims, ...changes.claims })
        .setProtectedHeader({ alg: changes.alg ?? "EdDSA", kid: changes.kid ?? "eddsa", ...changes.header })
        .sign(changes.key ?? pairs.eddsa.privateKey),
    [Symbol.asyncDispose]: stop,
  };
}

function failsWith(code: ErrorCode) {
  return (thrown: unknown) => {
    assert.ok(thrown instanceof TidewireError, String(thrown));
    assert.equal(ErrorCode[thrown.code], ErrorCode[code], thrown.message);
    return true;
  };
}

const unauthenticated = failsWith(ErrorCode.UNAUTHENTICATED);
const unavailable = failsWith(ErrorCode.UNAVAILABLE);

describe("tokens of an operator's own issuer", () => {
  it("are accepted when signed with a published key, by EdDSA, ES256 or RS256", async () => {
    await using world = await startIssuer();
    for (const [kid, alg] of [["eddsa", "EdDSA"] as const, ["es256", "ES256"] as const, ["rs256", "RS256"] as const]) {
      const token = await world.sign({ kid, alg, key: world.pairs[kid].privateKey });
      const identity = await world.external.verify(token);
      assert.equal(identity.subject, "ann@example.org");
      assert.equal(identity.issuer, issuer);
      assert.ok(identity.expiresAtMs > world.clock.nowMs());
    }
    assert.equal(world.state.requests, 1, "the keys are fetched once");
  });

  it("give their user a name to show, cut at 64 bytes between characters", async () => {
    await using world = await startIssuer();
    const nameOf = async (claims: object) => (await world.external.verify(await world.sign({ claims }))).displayName;
    assert.equal(await nameOf({ name: "Ann", preferred_username: "ann" }), "Ann");
    assert.equal(await nameOf({ preferred_username: "ann" }), "ann");
    assert.equal(await nameOf({ name: 5 }), "");
    assert.equal(await nameOf({ name: "😀".repeat(20) }), "😀".repeat(16));
    assert.equal(await nameOf({ name: "a\u0000b\ud800c" }), "abc");
  });

  it("are refused for another issuer, audience, subject or time", async () => {
    await using world = await startIssuer();
    for (const claims of [{ iss: "https://evil.example" }, { aud: "another" }, { sub: "" }, { sub: "x".repeat(256) }]) {
      await assert.rejects(world.external.verify(await world.sign({ claims })), unauthenticated);
    }
    await assert.rejects(world.external.verify(await world.sign({ claims: { sub: "\ud800" } })), unauthenticated);
    await assert.rejects(world.external.verify(await world.sign({ claims: { exp: undefined } })), unauthenticated);
    const expired = await world.sign({ claims: { exp: 1 } });
    await assert.rejects(world.external.verify(expired), failsWith(ErrorCode.TOKEN_EXPIRED));
  });

  it("are refused when signed with a foreign key, a shared secret, or a key they bring along", async () => {
    await using world = await startIssuer();
    const foreign = await generateKeyPair("EdDSA", { crv: "Ed25519", extractable: true });
    const jwk = await exportJWK(foreign.publicKey);
    const secret = Buffer.from(await exportSPKI(world.pairs.rs256.publicKey));
    const forgeries = [
      await world.sign({ key: foreign.privateKey }),
      await world.sign({ key: foreign.privateKey, kid: "unknown" }),
      await world.sign({ key: foreign.privateKey, header: { jwk } }),
      await world.sign({ header: { jku: "http://127.0.0.1:1/" } }),
      await world.sign({ header: { typ: "logout+jwt" } }),
      await world.sign({ key: secret, alg: "HS256", kid: "rs256" }),
    ];
    for (const token of forgeries) await assert.rejects(world.external.verify(token), unauthenticated);
  });

  it("with unknown key ids cause no flood of requests for keys", async () => {
    await using world = await startIssuer();
    for (let attempt = 0; attempt < 20; attempt++) {
      await assert.rejects(world.external.verify(await world.sign({ kid: `forged-${attempt}` })), unauthenticated);
    }
    assert.ok(world.state.requests <= 2, `${world.state.requests} requests`);
  });

  it("cannot be judged while the issuer is down, which is no refusal, and are accepted once it is back", async () => {
    await using world = await startIssuer();
    const token = await world.sign();
    for (const answer of ["error", "garbage"] as const) {
      world.state.answer = answer;
      await assert.rejects(world.external.verify(token), unavailable);
      world.clock.advance(1_000);
    }
    world.state.answer = "keys";
    assert.equal((await world.external.verify(token)).subject, "ann@example.org");
  });

  it("are not fetched for again within a second of a failure", async () => {
    await using world = await startIssuer();
    world.state.answer = "error";
    const token = await world.sign();
    for (let attempt = 0; attempt < 5; attempt++) await assert.rejects(world.external.verify(token), unavailable);
    assert.equal(world.state.requests, 1);
  });

  it("cannot be judged when nothing listens at the address of the keys", async () => {
    await using world = await startIssuer();
    await world.stop();
    await assert.rejects(world.external.verify(await world.sign()), unavailable);
  });

  it("go on being accepted while the issuer is down, with the keys that are known", async () => {
    await using world = await startIssuer();
    const token = await world.sign();
    await world.external.verify(token);
    await world.stop();
    assert.equal((await world.external.verify(token)).subject, "ann@example.org");
  });
});
