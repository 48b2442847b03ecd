import { decodeJwt } from "jose";
import type { IdGenerator } from "../../runtime/ids.js";
import type { Sql } from "../store/store.js";
import { provisionAccount } from "./accounts.js";
import type { ExternalIssuer } from "./external-issuer.js";
import { type AccessTokens, checkTokenSize, unauthenticated, type VerifiedToken } from "./tokens.js";

/** External users whose account ids are remembered, at some 200 bytes each. */
const knownUsersMax = 10_000;

/** Turns a token into a user, whoever issued it. */
export interface TokenVerifier {
  /** @throws TidewireError `UNAUTHENTICATED`, `TOKEN_EXPIRED`, `UNAVAILABLE` */
  verify(token: string): Promise<VerifiedToken>;
}

/** Accepts our own tokens and, if there is one, those of the operator's issuer, whose users get an account at first sight. */
export function createTokenVerifier(options: {
  own: AccessTokens;
  external?: ExternalIssuer | undefined;
  sql: Sql;
  ids: IdGenerator;
}): TokenVerifier {
  const { own, external, sql, ids } = options;
  const known = new Map<string, bigint>();

  async function verifyExternal(issuer: ExternalIssuer, token: string): Promise<VerifiedToken> {
    const identity = await issuer.verify(token);
    const userId = known.get(identity.subject) ?? (await provisionAccount(sql, ids, identity));
    remember(known, identity.subject, userId);
    return { userId, expiresAtMs: identity.expiresAtMs };
  }

  return {
    async verify(token) {
      checkTokenSize(token);
      const issuer = claimedIssuer(token);
      if (issuer === own.issuer) return await own.verify(token);
      if (external && issuer === external.issuer) return await verifyExternal(external, token);
      throw unauthenticated("its issuer is not trusted here");
    },
  };
}

/** Not verified yet: it only says whose keys the token has to be checked with. */
function claimedIssuer(token: string): string | undefined {
  try {
    return decodeJwt(token).iss;
  } catch {
    throw unauthenticated("it is not a token");
  }
}

/** Keeps the most recently used: a Map remembers the order of insertion. */
function remember(known: Map<string, bigint>, subject: string, userId: bigint): void {
  known.delete(subject);
  known.set(subject, userId);
  if (known.size <= knownUsersMax) return;
  for (const oldest of known.keys()) {
    known.delete(oldest);
    return;
  }
}
