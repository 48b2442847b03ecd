import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { TidewireError } from "../../runtime/error.js";
import { type Metrics, renderMetrics } from "../../runtime/metrics.js";

export interface MetricsServer extends AsyncDisposable {
  readonly port: number;
}

/**
 * Serves `/metrics` for Prometheus on the loopback address: what it shows is for operators, not for the world.
 * @param port 0 takes any free one.
 * @param collectOthers what other threads have counted.
 * @throws TidewireError `UNAVAILABLE` if the port is taken.
 */
export async function startMetricsServer(
  port: number,
  metrics: Metrics,
  collectOthers: () => Promise<object[][]>,
): Promise<MetricsServer> {
  const server = createServer(async (request, response) => {
    if (request.url !== "/metrics") return response.writeHead(404).end("metrics are at /metrics\n");
    const text = await renderMetrics(metrics, await collectOthers());
    return response.writeHead(200, { "content-type": metrics.registry.contentType }).end(text);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) => reject(portError(port, cause)));
    server.listen(port, "127.0.0.1", resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function portError(port: number, cause: Error): TidewireError {
  const advice = "set another with TIDEWIRE_METRICS_PORT, or 'off'";
  return new TidewireError(
    ErrorCode.UNAVAILABLE,
    `cannot serve metrics on 127.0.0.1:${port} (${cause.message}): ${advice}`,
    { cause },
  );
}
