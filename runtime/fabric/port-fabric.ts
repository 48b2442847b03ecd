import type { PortCalls, PortHandlers } from "../port-calls.js";
import type { DeliveryStreams, Fabric, GatewayId, StreamEntry } from "./fabric.js";

/** Serves a fabric of this thread to the other end of a port. What is left over when that end goes is taken back. */
export function serveFabric(fabric: Fabric, calls: () => Pick<PortCalls, "tell" | "closed">): PortHandlers {
  const { streams, routes, gateways, limits, leases, marks } = fabric;
  const consumers = new Map<GatewayId, AsyncDisposable>();

  async function endConsuming(gateway: GatewayId) {
    const consumer = consumers.get(gateway);
    consumers.delete(gateway);
    await consumer?.[Symbol.asyncDispose]();
  }

  return {
    "streams.publish": streams.publish,
    async "streams.consume"(gateway: GatewayId) {
      const { tell, closed } = calls();
      consumers.set(gateway, await streams.consume(gateway, (entry) => tell("entry", [gateway, entry])));
      void closed.then(() => endConsuming(gateway));
    },
    "streams.end": endConsuming,
    "routes.attach": routes.attach,
    "routes.detach": routes.detach,
    "routes.gatewaysOf": routes.gatewaysOf,
    "routes.want": routes.want,
    "routes.unwant": routes.unwant,
    "routes.gatewaysWanting": routes.gatewaysWanting,
    "gateways.announce": gateways.announce,
    "gateways.withdraw": gateways.withdraw,
    "gateways.list": gateways.list,
    "limits.take": limits.take,
    "leases.acquire": leases.acquire,
    "leases.release": leases.release,
    "marks.raise": marks.raise,
    "marks.unsettled": marks.unsettled,
    "marks.settle": marks.settle,
  };
}

/** The fabric at the other end of a port, and what that end tells of its own accord. */
export function createPortFabric(calls: () => Pick<PortCalls, "call">): Fabric & { readonly handlers: PortHandlers } {
  const consumers = new Map<GatewayId, (entry: StreamEntry) => void>();
  const remote =
    <Args extends unknown[], Result>(name: string) =>
    (...args: Args): Promise<Result> =>
      calls().call(name, args);

  const streams: DeliveryStreams = {
    publish: (gateway, payload) => calls().call("streams.publish", [gateway, payload], ownMemoryOf(payload)),
    async consume(gateway, onEntry) {
      consumers.set(gateway, onEntry);
      await calls().call("streams.consume", [gateway]);
      return {
        async [Symbol.asyncDispose]() {
          consumers.delete(gateway);
          await calls().call("streams.end", [gateway]);
        },
      };
    },
  };

  return {
    handlers: {
      async entry(gateway: GatewayId, entry: StreamEntry) {
        consumers.get(gateway)?.(entry);
      },
    },
    streams,
    routes: {
      attach: remote("routes.attach"),
      detach: remote("routes.detach"),
      gatewaysOf: remote("routes.gatewaysOf"),
      want: remote("routes.want"),
      unwant: remote("routes.unwant"),
      gatewaysWanting: remote("routes.gatewaysWanting"),
    },
    gateways: {
      announce: remote("gateways.announce"),
      withdraw: remote("gateways.withdraw"),
      list: remote("gateways.list"),
    },
    limits: { take: remote("limits.take") },
    leases: { acquire: remote("leases.acquire"), release: remote("leases.release") },
    marks: { raise: remote("marks.raise"), unsettled: remote("marks.unsettled"), settle: remote("marks.settle") },
    async [Symbol.asyncDispose]() {},
  };
}

/** A payload in memory of its own changes hands: whoever publishes it has no further use for it. */
function ownMemoryOf(payload: Uint8Array): ArrayBuffer[] {
  return payload.byteLength === payload.buffer.byteLength ? [payload.buffer as ArrayBuffer] : [];
}
