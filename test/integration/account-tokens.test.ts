import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it } from "node:test";
import { createClient } from "@connectrpc/connect";
import { AccountService } from "../../gen/ts/tidewire/v1/account_pb.js";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { createIdGenerator } from "../../runtime/ids.js";
import { provisionAccount } from "../../services/account/accounts.js";
import { createTokenVerifier } from "../../services/account/token-verifier.js";
import { createManualClock } from "../support/clock.js";
import { failsWith } from "../support/errors.js";
import { startServices } from "../support/services.js";

const dayMs = 86_400_000;
const unauthenticated = failsWith(ErrorCode.UNAUTHENTICATED);

async function world() {
  const clock = createManualClock({ startMs: Date.now() });
  const services = await startServices({ clock });
  const ann = await services.registerUser("ann");
  const refresh = async (refreshToken: string) => {
    const { tokens } = await services.accounts.refresh({ refreshToken });
    assert.ok(tokens);
    return tokens;
  };
  return { clock, services, ann, refresh, [Symbol.asyncDispose]: () => services[Symbol.asyncDispose]() };
}

describe("refresh tokens", () => {
  it("buy new tokens that act for the same user", async () => {
    await using w = await world();
    w.clock.advance(15 * 60_000);
    const tokens = await w.refresh(w.ann.refreshToken);
    const headers = { authorization: `Bearer ${tokens.accessToken}` };
    const { profiles } = await createClient(AccountService, w.services.transportWith(headers)).getProfiles({});
    assert.equal(profiles[0]?.userId, w.ann.userId);
    assert.notEqual(tokens.refreshToken, w.ann.refreshToken);
    assert.equal(tokens.refreshExpiresAtMs, BigInt(w.clock.nowMs() + 30 * dayMs));
  });

  it("used twice revoke all that descend from the same login, and no other", async () => {
    await using w = await world();
    const other = await w.services.accounts.login({ name: "ann", password: "password of ann" });
    const second = await w.refresh(w.ann.refreshToken);
    const third = await w.refresh(second.refreshToken);
    await assert.rejects(w.refresh(w.ann.refreshToken), unauthenticated);
    await assert.rejects(w.refresh(third.refreshToken), unauthenticated);
    await w.refresh(other.tokens?.refreshToken ?? "");
  });

  it("used twice at the same time buy new tokens at most once, and what they bought is revoked", async () => {
    await using w = await world();
    const outcomes = await Promise.allSettled(Array.from({ length: 4 }, () => w.refresh(w.ann.refreshToken)));
    const bought = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
    assert.equal(bought.length, 1);
    await assert.rejects(w.refresh(bought[0]?.refreshToken ?? ""), unauthenticated);
    const [left] = await w.services.store.sql<{ count: bigint }[]>`select count(*) from refresh_token`;
    assert.equal(left?.count, 0n);
  });

  it("expire after 30 days without use", async () => {
    await using w = await world();
    w.clock.advance(29 * dayMs);
    const { refreshToken } = await w.refresh(w.ann.refreshToken);
    w.clock.advance(30 * dayMs);
    await assert.rejects(w.refresh(refreshToken), unauthenticated);
  });

  it("that nobody issued are refused", async () => {
    await using w = await world();
    for (const token of ["", "x", w.ann.accessToken.slice(0, 128), "\0"]) {
      await assert.rejects(w.refresh(token), unauthenticated);
    }
    await assert.rejects(w.refresh("x".repeat(129)), failsWith(ErrorCode.INVALID_ARGUMENT));
  });

  it("are not in the store, only their hashes are", async () => {
    await using w = await world();
    const [row] = await w.services.store.sql<{ hash: Uint8Array }[]>`select token_hash as hash from refresh_token`;
    assert.deepEqual(Buffer.from(row?.hash ?? []), createHash("sha256").update(w.ann.refreshToken).digest());
  });
});

describe("users of an operator's own issuer", () => {
  const identity = { issuer: "https://login.example.org", subject: "ann", displayName: "Ann", expiresAtMs: 4e12 };

  it("get one account at first sight, also when seen by many at once", async () => {
    await using w = await world();
    const ids = createIdGenerator({ ...w.services.store.nodeLease, clock: w.clock });
    const sights = Array.from({ length: 8 }, () => provisionAccount(w.services.store.sql, ids, identity));
    assert.equal(new Set(await Promise.all(sights)).size, 1);
  });

  it("act by the issuer's token as by one of ours, and keep their account", async () => {
    await using w = await world();
    const { sql, nodeLease } = w.services.store;
    const verifier = createTokenVerifier({
      own: w.services.accessTokens,
      external: { issuer: identity.issuer, verify: async () => identity },
      sql,
      ids: createIdGenerator({ ...nodeLease, clock: w.clock }),
    });
    const claims = Buffer.from(JSON.stringify({ iss: identity.issuer })).toString("base64url");
    const first = await verifier.verify(`e30.${claims}.x`);
    assert.deepEqual(await verifier.verify(`e30.${claims}.x`), first);
    assert.equal((await verifier.verify(w.ann.accessToken)).userId, w.ann.userId);
    const { profiles } = await w.ann.accounts.getProfiles({ userIds: [first.userId] });
    assert.deepEqual(
      profiles.map((profile) => [profile.name, profile.displayName]),
      [["", "Ann"]],
    );
    const foreign = Buffer.from(JSON.stringify({ iss: "https://evil.example" })).toString("base64url");
    await assert.rejects(verifier.verify(`e30.${foreign}.x`), unauthenticated);
  });
});
