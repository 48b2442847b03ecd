import type { ServiceImpl } from "@connectrpc/connect";
import type { AccountService } from "../../gen/ts/tidewire/v1/account_pb.js";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import type { Clock } from "../../runtime/clock.js";
import { TidewireError } from "../../runtime/error.js";
import type { IdGenerator } from "../../runtime/ids.js";
import { callerOf, peerAddressOf } from "../context.js";
import type { Publisher } from "../push/publish.js";
import type { Store } from "../store/store.js";
import { findByName, findCredentials, insertAccount, readProfiles, updateProfile } from "./accounts.js";
import type { LoginLimits } from "./login-limits.js";
import { checkDisplayText, checkNewPassword, checkWebAddress, parseName, parseNewName } from "./names.js";
import type { Passwords } from "./passwords.js";
import type { RefreshTokens } from "./refresh-tokens.js";
import { openSession } from "./sessions.js";
import type { TokenVerifier } from "./token-verifier.js";
import type { AccessTokens } from "./tokens.js";

export type AccountDeps = Readonly<{
  store: Pick<Store, "sql" | "storeId">;
  ids: IdGenerator;
  clock: Clock;
  passwords: Passwords;
  accessTokens: AccessTokens;
  refreshTokens: RefreshTokens;
  verifier: TokenVerifier;
  loginLimits: LoginLimits;
  publisher: Pick<Publisher, "fence">;
  devicesPerUserMax: number;
}>;

/** The handlers of `AccountService`. Requests have passed the contract's field limits before. */
export function createAccountService(deps: AccountDeps): ServiceImpl<typeof AccountService> {
  const { ids, passwords, verifier, loginLimits } = deps;
  const { sql } = deps.store;

  async function newTokens(userId: bigint) {
    return await toTokens(deps.accessTokens, userId, await deps.refreshTokens.issue(userId));
  }

  return {
    async register(request, context) {
      const name = parseNewName(request.name);
      checkNewPassword(request.password);
      const displayName = request.displayName || name;
      checkDisplayText("display_name", displayName);
      await loginLimits.checkRegistration(peerAddressOf(context));
      // Asked first because it is cheap; the insert decides.
      if (await findByName(sql, name)) throw nameTaken(name);
      const passwordHash = await passwords.hash(request.password);
      const profile = await insertAccount(sql, { userId: ids.next(), name, passwordHash, displayName });
      if (!profile) throw nameTaken(name);
      return { profile, tokens: await newTokens(profile.userId) };
    },

    async login(request, context) {
      const name = parseName(request.name);
      await loginLimits.checkLogin(name ?? "", peerAddressOf(context));
      const account = name === undefined ? undefined : await findCredentials(sql, name);
      const right = await passwords.matches(request.password, account?.passwordHash);
      if (!account || !right) throw new TidewireError(ErrorCode.WRONG_CREDENTIALS, "wrong name or password");
      const { passwordHash: _, ...profile } = account;
      return { profile, tokens: await newTokens(account.userId) };
    },

    async refresh(request) {
      const { userId, ...refresh } = await deps.refreshTokens.rotate(request.refreshToken);
      return { tokens: await toTokens(deps.accessTokens, userId, refresh) };
    },

    async lookUp(request, context) {
      callerOf(context);
      const name = parseName(request.name);
      const profile = name === undefined ? undefined : await findByName(sql, name);
      if (!profile) throw new TidewireError(ErrorCode.UNKNOWN_USER, "no user has this name");
      return { profile };
    },

    async getProfiles(request, context) {
      const caller = callerOf(context);
      const userIds = request.userIds.length > 0 ? request.userIds : [caller.userId];
      return { profiles: await readProfiles(sql, userIds) };
    },

    async updateProfile(request, context) {
      const { userId } = callerOf(context);
      const { displayName, avatarUrl } = request;
      if (displayName !== undefined) checkDisplayText("display_name", displayName);
      if (avatarUrl !== undefined) checkWebAddress("avatar_url", avatarUrl);
      const profile = await updateProfile(sql, userId, { displayName, avatarUrl });
      if (!profile) throw new TidewireError(ErrorCode.UNKNOWN_USER, "this account does not exist any more");
      return { profile };
    },

    async openSession(request) {
      if (request.deviceId === "") throw new TidewireError(ErrorCode.INVALID_ARGUMENT, "device_id: 1 to 64 bytes");
      checkDisplayText("device_id", request.deviceId);
      checkDisplayText("platform", request.platform);
      const { userId, expiresAtMs } = await verifier.verify(request.token);
      const opened = await openSession(
        { sql, clock: deps.clock, devicesPerUserMax: deps.devicesPerUserMax },
        { userId, deviceId: request.deviceId, platform: request.platform },
      );
      const { device, epoch } = opened;
      if (epoch > 1n) await deps.publisher.fence([{ userId, device, epoch }]);
      return { ...opened, userId, storeId: deps.store.storeId, tokenExpiresAtMs: BigInt(expiresAtMs) };
    },

    async renewSession(request) {
      const { userId, expiresAtMs } = await verifier.verify(request.token);
      return { userId, tokenExpiresAtMs: BigInt(expiresAtMs) };
    },
  };
}

async function toTokens(accessTokens: AccessTokens, userId: bigint, refresh: { token: string; expiresAtMs: number }) {
  const access = await accessTokens.issue(userId);
  return {
    accessToken: access.token,
    accessExpiresAtMs: BigInt(access.expiresAtMs),
    refreshToken: refresh.token,
    refreshExpiresAtMs: BigInt(refresh.expiresAtMs),
  };
}

function nameTaken(name: string): TidewireError {
  return new TidewireError(ErrorCode.NAME_TAKEN, `the name ${name} is taken`);
}
