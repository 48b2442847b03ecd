import { errors, type JWTHeaderParameters, jwtVerify, SignJWT } from "jose";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import type { Clock } from "../../runtime/clock.js";
import { TidewireError } from "../../runtime/error.js";
import type { SigningKey } from "./signing-key.js";

/** Checked before anything else is done with a token. */
export const tokenMaxBytes = 4096;

/** The audience of Tidewire's own tokens. */
const tokenAudience = "tidewire";

/** What a valid token says. Times are in milliseconds since 1970-01-01 UTC. */
export type VerifiedToken = Readonly<{ userId: bigint; expiresAtMs: number }>;

/** Tidewire's own access tokens (RFC 9068), signed with EdDSA and nothing else. */
export interface AccessTokens {
  /** The `iss` of these tokens. */
  readonly issuer: string;
  issue(userId: bigint): Promise<{ token: string; expiresAtMs: number }>;
  /** @throws TidewireError `TOKEN_EXPIRED` if only its time is over, `UNAUTHENTICATED` for every other fault. */
  verify(token: string): Promise<VerifiedToken>;
}

export function createAccessTokens(options: {
  key: SigningKey;
  issuer: string;
  clock: Clock;
  lifetimeMs: number;
}): AccessTokens {
  const { key, issuer, clock, lifetimeMs } = options;
  const keyOf = (header: JWTHeaderParameters) => {
    refuseForeignKeys(header);
    if (header.kid !== key.keyId) throw unauthenticated("it was signed with a key that this server does not know");
    return key.publicKey;
  };
  return {
    issuer,
    async issue(userId) {
      const issuedAtS = Math.floor(clock.nowMs() / 1000);
      const expiresAtS = issuedAtS + Math.floor(lifetimeMs / 1000);
      const token = await new SignJWT()
        .setProtectedHeader({ alg: "EdDSA", typ: "at+jwt", kid: key.keyId })
        .setIssuer(issuer)
        .setAudience(tokenAudience)
        .setSubject(String(userId))
        .setIssuedAt(issuedAtS)
        .setExpirationTime(expiresAtS)
        .sign(key.privateKey);
      return { token, expiresAtMs: expiresAtS * 1000 };
    },
    async verify(token) {
      checkTokenSize(token);
      const { payload } = await jwtVerify(token, keyOf, {
        algorithms: ["EdDSA"],
        issuer,
        audience: tokenAudience,
        typ: "at+jwt",
        requiredClaims: ["exp", "sub"],
        currentDate: new Date(clock.nowMs()),
      }).catch(refuse);
      return { userId: parseUserId(payload.sub), expiresAtMs: (payload.exp ?? 0) * 1000 };
    },
  };
}

/** @throws TidewireError `UNAUTHENTICATED` */
export function checkTokenSize(token: string): void {
  if (token === "") throw unauthenticated("it is empty");
  // A string of n characters has at least n bytes, and the base64url that a token consists of exactly n.
  if (token.length > tokenMaxBytes) throw unauthenticated(`it is larger than ${tokenMaxBytes} bytes`);
}

/** A token must not bring or name the key that it is to be checked with (RFC 8725 §3.10). */
export function refuseForeignKeys(header: JWTHeaderParameters): void {
  for (const field of ["jwk", "jku", "x5u", "x5c"]) {
    if (field in header) throw unauthenticated(`its header has "${field}", which is not accepted`);
  }
}

/** Rethrows what `jwtVerify` threw: as it is if it is ours, else as `TOKEN_EXPIRED` or `UNAUTHENTICATED`. */
export function refuse(thrown: unknown): never {
  if (thrown instanceof TidewireError) throw thrown;
  if (thrown instanceof errors.JWTExpired) {
    throw new TidewireError(ErrorCode.TOKEN_EXPIRED, "the access token has expired");
  }
  throw unauthenticated(thrown instanceof Error ? thrown.message : "it cannot be read");
}

export function unauthenticated(reason: string): TidewireError {
  return new TidewireError(ErrorCode.UNAUTHENTICATED, `the access token is not acceptable: ${reason}`);
}

/** User ids are positive and fit into a signed 64-bit column. */
function parseUserId(subject: string | undefined): bigint {
  if (subject === undefined || !/^[1-9]\d{0,18}$/.test(subject)) throw unauthenticated("its subject is not a user");
  const userId = BigInt(subject);
  if (userId > 0x7fff_ffff_ffff_ffffn) throw unauthenticated("its subject is not a user");
  return userId;
}
