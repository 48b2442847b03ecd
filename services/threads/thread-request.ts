import type { LimitValues } from "../../gen/ts/tidewire/v1/limits.js";
import type { LogOptions } from "../../runtime/log.js";

/** A call as it crosses to a thread: Connect's protocol, with its body in one piece, which is transferred. */
export type ThreadRequest = Readonly<{
  url: string;
  header: readonly (readonly [string, string])[];
  body: Uint8Array;
}>;

export type ThreadResponse = Readonly<{
  status: number;
  header: readonly (readonly [string, string])[];
  body: Uint8Array;
}>;

/** What a thread is started with. */
export type ThreadSettings = Readonly<{
  databaseUrl: string;
  allowUnsafeDatabase: boolean;
  limits: LimitValues;
  log: Pick<LogOptions, "level" | "format" | "secrets">;
}>;

/** The body of a unary call, which Connect hands over in one piece. */
export async function readWhole(body: AsyncIterable<Uint8Array> | undefined): Promise<Uint8Array> {
  for await (const chunk of body ?? []) return chunk;
  return new Uint8Array(0);
}

/** Connections to the database that a thread opens at most: what it does for one call leaves room for another. */
export const threadConnectionsMax = 4;
/** Calls that a thread works on at a time. Most of a call is waiting for the database. */
export const threadCallsMax = 8;
