import type { LimitValues } from "../../gen/ts/tidewire/v1/limits.js";
import type { LogOptions } from "../../runtime/log.js";

/** What a thread is started with. */
export type ThreadSettings = Readonly<{
  databaseUrl: string;
  allowUnsafeDatabase: boolean;
  limits: LimitValues;
  log: Pick<LogOptions, "level" | "format" | "secrets">;
}>;

/** Connections to the database that a thread opens at most: what it does for one call leaves room for another. */
export const threadConnectionsMax = 4;
/** Calls that a thread works on at a time. Most of a call is waiting for the database. */
export const threadCallsMax = 8;
