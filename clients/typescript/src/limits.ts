import type { Limits } from "../../../gen/ts/tidewire/v1/frame_pb.js";
import { defaultLimits, type LimitValues } from "../../../gen/ts/tidewire/v1/limits.js";

/** What this client keeps to: the server's limits where it states them, the contract's defaults until then. */
export type ClientLimits = Readonly<LimitValues>;

/** The limits of a `login_ok`. A limit that is missing or 0 keeps its default. */
export function toClientLimits(limits: Limits | undefined): ClientLimits {
  if (limits === undefined) return defaultLimits;
  const names = Object.keys(defaultLimits) as (keyof LimitValues)[];
  const stated = names.filter((name) => limits[name] > 0).map((name) => [name, limits[name]]);
  return { ...defaultLimits, ...Object.fromEntries(stated) };
}
