import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import type { Clock } from "../runtime/clock.js";
import type { Metrics } from "../runtime/metrics.js";

/** Records how long each call took and with which Connect code it ended. */
export function measure(metrics: Pick<Metrics, "rpcSeconds">, clock: Clock): Interceptor {
  return (next) => async (request) => {
    const startedMs = clock.monotonicMs();
    const end = (code: string) =>
      metrics.rpcSeconds.observe({ method: request.method.name, code }, (clock.monotonicMs() - startedMs) / 1000);
    try {
      const response = await next(request);
      end("ok");
      return response;
    } catch (thrown) {
      end(thrown instanceof ConnectError ? Code[thrown.code] : Code[Code.Unknown]);
      throw thrown;
    }
  };
}
