import { availableParallelism } from "node:os";
import type { LimitValues } from "../gen/ts/tidewire/v1/limits.js";
import type { Clock } from "../runtime/clock.js";
import type { Fabric } from "../runtime/fabric/fabric.js";
import type { IdGenerator } from "../runtime/ids.js";
import type { Logger } from "../runtime/log.js";
import type { Metrics } from "../runtime/metrics.js";
import { createAccountService } from "./account/account-service.js";
import { createExternalIssuer } from "./account/external-issuer.js";
import { createLoginLimits } from "./account/login-limits.js";
import { createPasswords } from "./account/passwords.js";
import { createRefreshTokens } from "./account/refresh-tokens.js";
import type { SigningKey } from "./account/signing-key.js";
import { createTokenVerifier, type TokenVerifier } from "./account/token-verifier.js";
import { type AccessTokens, createAccessTokens } from "./account/tokens.js";
import { authenticate } from "./authenticate.js";
import { checkLimits } from "./check-limits.js";
import { createConversationService } from "./conversation/conversation-service.js";
import { createGroupService } from "./group/group-service.js";
import { measure } from "./measure.js";
import type { LogStore } from "./message/log-store.js";
import { createMessageService } from "./message/message-service.js";
import type { Publisher } from "./push/publish.js";
import type { Services } from "./router.js";
import type { Store } from "./store/store.js";
import { translateErrors } from "./translate-errors.js";

export type ServiceSettings = Readonly<{
  /** The `iss` of our own access tokens. Default "tidewire". */
  issuer: string;
  accessTokenLifetimeMs: number;
  refreshTokenLifetimeMs: number;
  /** An issuer that the operator runs, if there is one. */
  externalIssuer?: Readonly<{ issuer: string; jwksUrl: string; audience: string }> | undefined;
  /** Registrations a minute from one address. */
  registrationsPerMinute: number;
  devicesPerUserMax: number;
  groupMembersMax: number;
  /** Groups with more members are delivered by conversation and no longer by user. */
  routeByConversationAbove: number;
  limits: LimitValues;
}>;

/** Logins that may wait for their turn on each core: half a second's worth. */
const loginsWaitingPerCore = 32;

export type ServiceParts = Readonly<{
  store: Pick<Store, "sql" | "storeId">;
  logs: LogStore;
  fabric: Pick<Fabric, "limits">;
  ids: IdGenerator;
  clock: Clock;
  log: Logger;
  metrics: Metrics;
  publisher: Publisher;
  signingKey: SigningKey;
  settings: ServiceSettings;
}>;

/** Puts the services together. `registerServices` makes them reachable. */
export function createServices(
  parts: ServiceParts,
): Services & { accessTokens: AccessTokens; verifier: TokenVerifier } {
  const { store, clock, settings } = parts;
  const { sql } = store;
  const accessTokens = createAccessTokens({
    key: parts.signingKey,
    issuer: settings.issuer,
    clock,
    lifetimeMs: settings.accessTokenLifetimeMs,
  });
  const external = settings.externalIssuer && createExternalIssuer({ ...settings.externalIssuer, clock });
  const verifier = createTokenVerifier({ own: accessTokens, external, sql, ids: parts.ids });
  return {
    accessTokens,
    verifier,
    account: createAccountService({ ...parts, ...settings, ...credentialsOf(parts), accessTokens, verifier }),
    conversation: createConversationService({
      sql,
      ids: parts.ids,
      historyPageMaxBytes: settings.limits.syncPageMaxBytes,
    }),
    group: createGroupService({ ...parts, ...settings, sql }),
    message: createMessageService({ ...parts, sql, rateLimits: parts.fabric.limits, limits: settings.limits }),
    interceptors: [...commonInterceptors(parts), authenticate(verifier), checkLimits],
  };
}

/** What every call passes, also one from inside: the outermost first. */
export function commonInterceptors({ metrics, clock, log }: Pick<ServiceParts, "metrics" | "clock" | "log">) {
  return [measure(metrics, clock), translateErrors(log)];
}

function credentialsOf({ store, fabric, clock, settings }: ServiceParts) {
  const cores = availableParallelism();
  return {
    passwords: createPasswords({ inFlightMax: cores, waitingMax: cores * loginsWaitingPerCore }),
    loginLimits: createLoginLimits({
      limits: fabric.limits,
      registrationsPerMinute: settings.registrationsPerMinute,
    }),
    refreshTokens: createRefreshTokens({ sql: store.sql, clock, lifetimeMs: settings.refreshTokenLifetimeMs }),
  };
}
