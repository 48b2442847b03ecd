import type { Tokens } from "../../../gen/ts/tidewire/v1/account_pb.js";
import { ErrorCode } from "../../../gen/ts/tidewire/v1/error_pb.js";
import type { Api } from "./api.js";
import { type Clock, systemClock } from "./clock.js";
import { TidewireClientError } from "./errors.js";

export type TokenSourceOptions = Readonly<{
  api: Pick<Api, "account">;
  tokens: Tokens;
  /** Keeps the new tokens. Awaited before they are used, because the old refresh token is used up. */
  save: (tokens: Tokens) => Promise<void> | void;
  clock?: Clock;
}>;

/** A token that is valid for less long than this is exchanged first. A client asks for a new one a minute before. */
const marginMs = 90_000;

/**
 * Gives access tokens, and exchanges the refresh token for new ones when it has to: as `token` of a client and an API.
 * Its calls reject with TidewireClientError: UNAUTHENTICATED if the user has to log in again.
 */
export function createTokenSource(options: TokenSourceOptions): () => Promise<string> {
  const clock = options.clock ?? systemClock;
  let tokens = options.tokens;
  let refreshing: Promise<string> | undefined;

  async function refresh(): Promise<string> {
    const { tokens: fresh } = await options.api.account.refresh({ refreshToken: tokens.refreshToken });
    if (fresh === undefined) throw new TidewireClientError(ErrorCode.INTERNAL);
    await options.save(fresh);
    tokens = fresh;
    return fresh.accessToken;
  }

  return async () => {
    const leftMs = Number(tokens.accessExpiresAtMs) - clock.nowMs();
    if (leftMs > marginMs) return tokens.accessToken;
    refreshing ??= refresh().finally(() => {
      refreshing = undefined;
    });
    return refreshing;
  };
}
