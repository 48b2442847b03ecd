import { ErrorCode } from "../../../gen/ts/tidewire/v1/error_pb.js";
import { TidewireError } from "../../../runtime/error.js";

/** What a simulated access token says. The real ones are signed, which costs a hundred times what the rest of a login does. */
export type SimToken = Readonly<{ userId: bigint; expiresAtMs: number }>;

export function formatToken({ userId, expiresAtMs }: SimToken): string {
  return `${userId}.${Math.floor(expiresAtMs)}`;
}

/** @throws TidewireError `UNAUTHENTICATED`, `TOKEN_EXPIRED`, as the shipped verifier does. */
export function verifyToken(token: string, nowMs: number): SimToken {
  const [, userId, expiresAtMs] = /^(\d{1,19})\.(\d{1,16})$/.exec(token) ?? [];
  if (userId === undefined) throw new TidewireError(ErrorCode.UNAUTHENTICATED, "not a token of this server");
  const verified = { userId: BigInt(userId), expiresAtMs: Number(expiresAtMs) };
  if (verified.expiresAtMs <= nowMs) throw new TidewireError(ErrorCode.TOKEN_EXPIRED, "this token has expired");
  return verified;
}
