import { create } from "@bufbuild/protobuf";
import type { Transport } from "@connectrpc/connect";
import type { UniversalClientFn } from "@connectrpc/connect/protocol";
import { type GatewayDeps, startGateway } from "../../gateway/gateway.js";
import { type GatewayThreads, startGatewayThreads } from "../../gateway/threads/gateway-threads.js";
import { LimitsSchema } from "../../gen/ts/tidewire/v1/frame_pb.js";
import { type Config, limitsOf, secretsOf } from "../../runtime/config.js";

/** `services` does the calls of all connections: as objects if they are of this thread, else as bytes. */
export type OpenGatewayDeps = Omit<GatewayDeps, "services"> &
  Readonly<{ services: { transport: Transport; client: UniversalClientFn } }>;

/**
 * Opens the port for devices: in this thread, or in several that share it.
 * @throws TidewireError `UNAVAILABLE` if the port is taken.
 */
export async function openGateway(config: Config, deps: OpenGatewayDeps): Promise<GatewayThreads> {
  const { socketThreads: threads, drainTimeoutMs, logLevel: level, logFormat: format } = config;
  if (threads > 1) {
    const log = { level, format, secrets: secretsOf(config) };
    const settings = { gateway: toGatewayOptions(config), limits: limitsOf(config), log };
    return startGatewayThreads({ threads, settings, drainTimeoutMs }, { ...deps, services: deps.services.client });
  }
  const gateway = await startGateway(
    { ...toGatewayOptions(config), limits: create(LimitsSchema, limitsOf(config)), portSharing: "exclusive" },
    { ...deps, services: deps.services.transport },
  );
  return { ...gateway, collectMetrics: async () => [], lost: new AbortController().signal };
}

function toGatewayOptions(config: Config) {
  const { host, port, allowedOrigins, maxBackpressureBytes, loginTimeoutMs, heartbeatIntervalMs, ackDelayMs } = config;
  return {
    host,
    port,
    allowedOrigins,
    maxBackpressureBytes,
    loginTimeoutMs,
    heartbeatIntervalMs,
    ackDelayMs,
    strangersPerAddressMax: config.unauthenticatedPerIpMax,
    lanes: config.lanes,
    laneQueueMaxBytes: config.laneQueueMaxBytes,
  };
}
