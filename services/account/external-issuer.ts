import { createRemoteJWKSet, customFetch, errors, type JWTHeaderParameters, type JWTPayload, jwtVerify } from "jose";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import type { Clock } from "../../runtime/clock.js";
import { TidewireError } from "../../runtime/error.js";
import { checkTokenSize, refuse, refuseForeignKeys, unauthenticated } from "./tokens.js";

/** Asymmetric only: a public key that is published must not be usable as a shared secret (RFC 8725 §3.1). */
const algorithms = ["EdDSA", "ES256", "RS256"];

/** Access tokens say at+jwt (RFC 9068); many issuers say JWT, or nothing. Logout tokens and the like are refused. */
const acceptedTypes = [undefined, "jwt", "at+jwt", "application/at+jwt"];

const fetchTimeoutMs = 3_000;
/** How long fetched keys are believed, in milliseconds: a withdrawn key is refused after that. */
const keysMaxAgeMs = 600_000;
/** After a successful fetch, tokens with an unknown key cause none for so long. */
const fetchCooldownMs = 30_000;
/** After a failed fetch, none is tried for so long: forged tokens must not become a flood of requests. */
const failureCooldownMs = 1_000;
const clockToleranceS = 5;
const subjectMaxBytes = 255;
const displayNameMaxBytes = 64;

/** What a valid token of the operator's own issuer says. */
export type ExternalIdentity = Readonly<{
  issuer: string;
  /** Names the user within the issuer. 1 to 255 bytes. */
  subject: string;
  /** A name to show, from the claims `name` or `preferred_username`; may be empty. At most 64 bytes. */
  displayName: string;
  /** In milliseconds since 1970-01-01 UTC. */
  expiresAtMs: number;
}>;

/** Tokens of an issuer that the operator runs, checked with the keys that it publishes (RFC 7517). */
export interface ExternalIssuer {
  /** The `iss` of its tokens. */
  readonly issuer: string;
  /**
   * @throws TidewireError `TOKEN_EXPIRED`, `UNAUTHENTICATED`, or `UNAVAILABLE` if its keys cannot be fetched, so that
   * an outage of the issuer logs nobody out.
   */
  verify(token: string): Promise<ExternalIdentity>;
}

export function createExternalIssuer(options: {
  issuer: string;
  /** Where the issuer publishes its keys. */
  jwksUrl: string;
  /** The `aud` that its tokens must have. */
  audience: string;
  clock: Clock;
}): ExternalIssuer {
  const { issuer, audience, clock } = options;
  const keyOf = createKeySource(options.jwksUrl, clock);
  return {
    issuer,
    async verify(token) {
      checkTokenSize(token);
      const { payload } = await jwtVerify(token, keyOf, {
        algorithms,
        issuer,
        audience,
        requiredClaims: ["exp", "sub"],
        clockTolerance: clockToleranceS,
        currentDate: new Date(clock.nowMs()),
      }).catch(refuse);
      return { issuer, ...parseIdentity(payload) };
    },
  };
}

function createKeySource(jwksUrl: string, clock: Clock) {
  let failedAtMs = Number.NEGATIVE_INFINITY;
  const keys = createRemoteJWKSet(new URL(jwksUrl), {
    timeoutDuration: fetchTimeoutMs,
    cacheMaxAge: keysMaxAgeMs,
    cooldownDuration: fetchCooldownMs,
    [customFetch]: async (url, init) => {
      if (clock.monotonicMs() < failedAtMs + failureCooldownMs) throw new Error("the last fetch failed just now");
      const response = await fetch(url, init).catch((error: unknown) => {
        failedAtMs = clock.monotonicMs();
        throw error;
      });
      if (!response.ok) failedAtMs = clock.monotonicMs();
      return response;
    },
  });
  return async (header: JWTHeaderParameters) => {
    refuseForeignKeys(header);
    if (!acceptedTypes.includes(header.typ?.toLowerCase())) throw unauthenticated("it is of another type");
    try {
      return await keys(header);
    } catch (thrown) {
      if (isTokensFault(thrown)) throw unauthenticated("it was signed with a key that its issuer does not publish");
      throw new TidewireError(ErrorCode.UNAVAILABLE, "the keys of the token issuer cannot be fetched", {
        cause: thrown,
        retryAfterMs: failureCooldownMs,
      });
    }
  };
}

/** All else that goes wrong while a key is looked for is the issuer's fault, or the network's. */
function isTokensFault(thrown: unknown): boolean {
  return (
    thrown instanceof errors.JWKSNoMatchingKey ||
    thrown instanceof errors.JWKSMultipleMatchingKeys ||
    thrown instanceof errors.JOSENotSupported
  );
}

function parseIdentity(payload: JWTPayload): Omit<ExternalIdentity, "issuer"> {
  const { sub: subject, exp } = payload;
  // A lone surrogate has no UTF-8: two subjects would become one.
  if (!subject || Buffer.byteLength(subject) > subjectMaxBytes || /[\0\p{Cs}]/u.test(subject)) {
    throw unauthenticated(`its subject is not 1 to ${subjectMaxBytes} bytes of text`);
  }
  if (exp === undefined) throw unauthenticated("it does not expire");
  return { subject, displayName: toDisplayName(payload), expiresAtMs: Math.floor(exp * 1000) };
}

/** As many whole characters as fit. */
function toDisplayName(payload: JWTPayload): string {
  const claims = [payload["name"], payload["preferred_username"]];
  let fitting = "";
  for (const character of claims.find((claim) => typeof claim === "string") ?? "") {
    if (Buffer.byteLength(fitting) + Buffer.byteLength(character) > displayNameMaxBytes) break;
    if (!/[\p{Cc}\p{Cs}]/u.test(character)) fitting += character;
  }
  return fitting;
}
