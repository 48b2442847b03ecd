import type { PortCaller, PortHandlers } from "../port-calls.js";
import type { DeliveryStreams, RateLimits, Routes } from "./fabric.js";

/** What services need of the fabric to bring entries to gateways, and to bound what a user may do. */
export type ServicesFabric = Readonly<{
  streams: Pick<DeliveryStreams, "publish">;
  routes: Pick<Routes, "gatewaysOf" | "gatewaysWanting">;
  limits: RateLimits;
}>;

/** Serves a fabric of this thread to the other end of a port. */
export function toFabricHandlers({ streams, routes, limits }: ServicesFabric): PortHandlers {
  return {
    publish: streams.publish,
    gatewaysOf: routes.gatewaysOf,
    gatewaysWanting: routes.gatewaysWanting,
    take: limits.take,
  };
}

/** The fabric at the other end of a port. */
export function createPortFabric(call: PortCaller): ServicesFabric {
  return {
    streams: {
      publish: (gateway, payload) => call("publish", [gateway, payload], [payload.buffer as ArrayBuffer]),
    },
    routes: {
      gatewaysOf: (userIds) => call("gatewaysOf", [userIds]),
      gatewaysWanting: (conversationId) => call("gatewaysWanting", [conversationId]),
    },
    limits: { take: (key, rate) => call("take", [key, rate]) },
  };
}
