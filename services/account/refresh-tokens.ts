import { createHash, randomBytes, randomUUID } from "node:crypto";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import type { Clock } from "../../runtime/clock.js";
import { TidewireError } from "../../runtime/error.js";
import { inTransaction, type Queryable, type Sql, type Transaction } from "../store/store.js";

export type IssuedRefreshToken = Readonly<{ token: string; expiresAtMs: number }>;

/** Opaque tokens of 32 random bytes, of which the store holds only the SHA-256. Each is good for one exchange. */
export interface RefreshTokens {
  /** The first token of a new family: all that descend from one login. */
  issue(userId: bigint): Promise<IssuedRefreshToken>;
  /**
   * Uses a token up and issues the next one. A token that comes twice was stolen, or its thief comes first: the whole
   * family is revoked, and whoever holds it has to log in.
   * @throws TidewireError `UNAUTHENTICATED`
   */
  rotate(token: string): Promise<IssuedRefreshToken & { userId: bigint }>;
}

type Rotation =
  | { kind: "rotated"; userId: bigint; next: IssuedRefreshToken }
  | { kind: "unknown" }
  | { kind: "expired" }
  | { kind: "reused" };

type TokenRow = { family: string; userId: bigint; expiresAt: Date; usedAt: Date | null };

export function createRefreshTokens(options: { sql: Sql; clock: Clock; lifetimeMs: number }): RefreshTokens {
  const { sql, clock, lifetimeMs } = options;

  async function insert(tx: Queryable, userId: bigint, family: string): Promise<IssuedRefreshToken> {
    const token = randomBytes(32).toString("base64url");
    const expiresAtMs = clock.nowMs() + lifetimeMs;
    await tx`
      insert into refresh_token (token_hash, family, user_id, expires_at)
      values (${hashOf(token)}, ${family}, ${userId}, ${new Date(expiresAtMs)})`;
    return { token, expiresAtMs };
  }

  async function rotate(tx: Transaction, token: string): Promise<Rotation> {
    const row = await lockToken(tx, token);
    if (!row) return { kind: "unknown" };
    if (row.usedAt) {
      // Uses the index on family.
      await tx`delete from refresh_token where family = ${row.family}`;
      return { kind: "reused" };
    }
    const now = new Date(clock.nowMs());
    if (row.expiresAt <= now) return { kind: "expired" };
    await tx`update refresh_token set used_at = ${now} where token_hash = ${hashOf(token)}`;
    await tx`delete from refresh_token where family = ${row.family} and expires_at <= ${now}`;
    return { kind: "rotated", userId: row.userId, next: await insert(tx, row.userId, row.family) };
  }

  return {
    issue: (userId) => insert(sql, userId, randomUUID()),
    async rotate(token) {
      // The refusal is thrown after the commit: a rollback would undo the revocation.
      const rotation = await inTransaction(sql, (tx) => rotate(tx, token));
      switch (rotation.kind) {
        case "rotated":
          return { ...rotation.next, userId: rotation.userId };
        case "unknown":
        case "expired":
          throw refused("the refresh token is not known or has expired");
        case "reused":
          throw refused("the refresh token was used before: log in again");
      }
    },
  };
}

/**
 * Locks the account row, and only then reads the token in a statement of its own. That puts all exchanges of a user in
 * one line: a family that is being revoked cannot gain a token that the revocation does not see.
 */
async function lockToken(tx: Transaction, token: string): Promise<TokenRow | undefined> {
  const tokenHash = hashOf(token);
  await tx`
    select from account
    where user_id = (select user_id from refresh_token where token_hash = ${tokenHash})
    for no key update`;
  const [row] = await tx<TokenRow[]>`
    select family, user_id as "userId", expires_at as "expiresAt", used_at as "usedAt"
    from refresh_token where token_hash = ${tokenHash}`;
  return row;
}

function hashOf(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}

function refused(message: string): TidewireError {
  return new TidewireError(ErrorCode.UNAUTHENTICATED, message);
}
