import { Code, ConnectError } from "@connectrpc/connect";
import { defaultLimits } from "../../../gen/ts/tidewire/v1/limits.js";
import type { Fabric } from "../../../runtime/fabric/fabric.js";
import { silentLogger } from "../../../runtime/log.js";
import type { Metrics } from "../../../runtime/metrics.js";
import type { SimNode } from "../engine/node.js";
import type { CallTarget, CallUnderWay } from "../network/rpc.js";
import { createSimServices, type SimServices } from "../services/sim-services.js";
import type { StoreModel } from "../store/store-model.js";

/** The process that services run in. It is started once; a restart makes a new one. */
export interface ServicesHost extends CallTarget {
  readonly services: SimServices;
}

export type ServicesHostOptions = Readonly<{
  node: SimNode;
  /** Another one for each start. */
  nodeId: number;
  store: StoreModel;
  fabric: Fabric;
  metrics: Metrics;
  /** It has died. */
  crashed(host: ServicesHost): void;
}>;

export function createServicesHost({
  node,
  nodeId,
  store,
  fabric,
  metrics,
  crashed,
}: ServicesHostOptions): ServicesHost {
  const { clock, name } = node;
  const limits = defaultLimits;
  const services = createSimServices({
    ...{ store, fabric, clock, log: silentLogger, metrics, limits },
    node: { name, nodeId },
  });
  const calls = new Set<CallUnderWay>();
  const host: ServicesHost = {
    node,
    services,
    calls,
    crash() {
      if (!node.isAlive) return;
      node.kill();
      for (const call of [...calls]) call.fail(new ConnectError("connection reset", Code.Unavailable));
      calls.clear();
      crashed(host);
    },
  };
  return host;
}
