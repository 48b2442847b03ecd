import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { exportJWK, exportSPKI, generateKeyPair, type JWTHeaderParameters, type JWTPayload, SignJWT } from "jose";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { generateSigningKey, parseSigningKey, type SigningKey } from "../../services/account/signing-key.js";
import { createAccessTokens, tokenMaxBytes } from "../../services/account/tokens.js";
import { createManualClock } from "../support/clock.js";

const minuteMs = 60_000;

async function world() {
  const clock = createManualClock();
  const key = await parseSigningKey(await generateSigningKey(), "a fresh key");
  const tokens = createAccessTokens({ key, issuer: "tidewire", clock, lifetimeMs: 15 * minuteMs });
  const nowS = Math.floor(clock.nowMs() / 1000);
  const claims: JWTPayload = { iss: "tidewire", aud: "tidewire", sub: "42", iat: nowS, exp: nowS + 60 };
  const header: JWTHeaderParameters = { alg: "EdDSA", typ: "at+jwt", kid: key.keyId };
  /** A token that is right but for what is given. */
  const forge = (changes: {
    header?: Record<string, unknown>;
    claims?: Record<string, unknown>;
    key?: SigningKey["privateKey"] | Uint8Array;
  }) =>
    new SignJWT({ ...claims, ...changes.claims } as JWTPayload)
      .setProtectedHeader({ ...header, ...changes.header } as JWTHeaderParameters)
      .sign(changes.key ?? key.privateKey);
  return { clock, key, tokens, forge };
}

function refused(code: ErrorCode) {
  return (thrown: unknown) => {
    assert.equal((thrown as { code?: unknown }).code, code, String(thrown));
    return true;
  };
}

const unauthenticated = refused(ErrorCode.UNAUTHENTICATED);

function part(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

describe("access tokens", () => {
  it("name the user for whom they were issued, until they expire", async () => {
    const { clock, tokens } = await world();
    const issued = await tokens.issue(7n);
    assert.deepEqual(await tokens.verify(issued.token), { userId: 7n, expiresAtMs: issued.expiresAtMs });
    assert.equal(issued.expiresAtMs, clock.nowMs() + 15 * minuteMs);
    clock.advance(15 * minuteMs - 1);
    await tokens.verify(issued.token);
  });

  it("carry the largest user id unharmed", async () => {
    const { tokens } = await world();
    const userId = 2n ** 63n - 1n;
    const { token } = await tokens.issue(userId);
    assert.equal((await tokens.verify(token)).userId, userId);
  });

  it("are refused as expired, and as nothing else, when their time is over", async () => {
    const { clock, tokens } = await world();
    const { token } = await tokens.issue(7n);
    clock.advance(15 * minuteMs);
    await assert.rejects(tokens.verify(token), refused(ErrorCode.TOKEN_EXPIRED));
  });

  it("that are expired and wrong in another way are refused for the other way", async () => {
    const { tokens, forge } = await world();
    await assert.rejects(tokens.verify(await forge({ claims: { exp: 1, aud: "another" } })), unauthenticated);
  });

  it("are accepted when made by hand like the real ones: each forgery below differs in one thing alone", async () => {
    const { tokens, forge } = await world();
    assert.equal((await tokens.verify(await forge({}))).userId, 42n);
  });

  it("signed with another key are refused, whatever key id they claim", async () => {
    const { key, tokens, forge } = await world();
    const other = await parseSigningKey(await generateSigningKey(), "another key");
    await assert.rejects(tokens.verify(await forge({ key: other.privateKey })), unauthenticated);
    const claimed = { kid: key.keyId };
    await assert.rejects(tokens.verify(await forge({ key: other.privateKey, header: claimed })), unauthenticated);
  });

  it("with algorithm none are refused, with and without a signature", async () => {
    const { key, tokens, forge } = await world();
    const [, claims, signature] = (await forge({})).split(".");
    const header = part({ alg: "none", typ: "at+jwt", kid: key.keyId });
    await assert.rejects(tokens.verify(`${header}.${claims}.`), unauthenticated);
    await assert.rejects(tokens.verify(`${header}.${claims}.${signature}`), unauthenticated);
  });

  it("signed with HS256 and the public key as secret are refused", async () => {
    const { key, tokens, forge } = await world();
    const jwk = await exportJWK(key.publicKey);
    const secrets = [Buffer.from(jwk.x ?? "", "base64url"), Buffer.from(await exportSPKI(key.publicKey))];
    for (const secret of secrets) {
      await assert.rejects(tokens.verify(await forge({ key: secret, header: { alg: "HS256" } })), unauthenticated);
    }
  });

  const faults: Record<string, { claims?: Record<string, unknown>; header?: Record<string, unknown> }> = {
    "another issuer": { claims: { iss: "somebody" } },
    "no issuer": { claims: { iss: undefined } },
    "another audience": { claims: { aud: "somebody" } },
    "no audience": { claims: { aud: undefined } },
    "no subject": { claims: { sub: undefined } },
    "a subject that is not a number": { claims: { sub: "ann" } },
    "a subject beyond 63 bits": { claims: { sub: "9223372036854775808" } },
    "no expiry": { claims: { exp: undefined } },
    "a time before which it does not hold": { claims: { nbf: 4_000_000_000 } },
    "another type": { header: { typ: "JWT" } },
    "no type": { header: { typ: undefined } },
    "another key id": { header: { kid: "another" } },
    "no key id": { header: { kid: undefined } },
    "the URL of a key": { header: { jku: "https://example.org/keys" } },
    "the URL of a certificate": { header: { x5u: "https://example.org/certificate" } },
    "a certificate": { header: { x5c: ["MIIB"] } },
  };
  for (const [fault, changes] of Object.entries(faults)) {
    it(`with ${fault} are refused`, async () => {
      const { tokens, forge } = await world();
      await assert.rejects(tokens.verify(await forge(changes)), unauthenticated);
    });
  }

  it("that bring their own key are refused", async () => {
    const { tokens, forge } = await world();
    const own = await generateKeyPair("EdDSA", { crv: "Ed25519", extractable: true });
    const jwk = await exportJWK(own.publicKey);
    await assert.rejects(tokens.verify(await forge({ key: own.privateKey, header: { jwk } })), unauthenticated);
    await assert.rejects(tokens.verify(await forge({ header: { jwk } })), unauthenticated);
  });

  it("whose claims were changed after signing are refused", async () => {
    const { tokens, forge } = await world();
    const [header, , signature] = (await forge({})).split(".");
    const [, foreignClaims] = (await forge({ claims: { sub: "43" } })).split(".");
    await assert.rejects(tokens.verify(`${header}.${foreignClaims}.${signature}`), unauthenticated);
  });

  it("above 4 KiB are refused unread, though their signature is right", async () => {
    const { tokens, forge } = await world();
    const fits = await forge({ claims: { filler: "x".repeat(2_000) } });
    assert.equal((await tokens.verify(fits)).userId, 42n);
    const large = await forge({ claims: { filler: "x".repeat(tokenMaxBytes) } });
    await assert.rejects(tokens.verify(large), /larger than 4096 bytes/);
  });

  for (const garbage of ["", "x", "a.b.c", "..", "....", "é", `${part({ alg: "EdDSA" })}..`]) {
    it(`reading ${JSON.stringify(garbage)} are refused`, async () => {
      const { tokens } = await world();
      await assert.rejects(tokens.verify(garbage), unauthenticated);
    });
  }
});
