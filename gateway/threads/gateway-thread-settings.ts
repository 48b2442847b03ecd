import type { LimitValues } from "../../gen/ts/tidewire/v1/limits.js";
import type { LogOptions } from "../../runtime/log.js";
import type { GatewayOptions } from "../gateway.js";

/** What a thread with a gateway is started with. */
export type GatewayThreadSettings = Readonly<{
  gateway: Omit<GatewayOptions, "limits" | "portSharing">;
  limits: LimitValues;
  log: Pick<LogOptions, "level" | "format" | "secrets">;
}>;
