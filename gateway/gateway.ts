import { createClient, type Transport } from "@connectrpc/connect";
import { AccountService } from "../gen/ts/tidewire/v1/account_pb.js";
import { ConversationService } from "../gen/ts/tidewire/v1/conversation_pb.js";
import { MessageService } from "../gen/ts/tidewire/v1/message_pb.js";
import type { Clock } from "../runtime/clock.js";
import type { Fabric } from "../runtime/fabric/fabric.js";
import type { Logger } from "../runtime/log.js";
import type { Metrics } from "../runtime/metrics.js";
import { createAdmission, SUBPROTOCOL } from "./admission.js";
import { createOrigins } from "./edge/cors.js";
import { createEdge } from "./edge/edge.js";
import { createPublicApi } from "./edge/public-api.js";
import { type NodeOptions, startNode } from "./node.js";
import { listen, type PortSharing, type SocketServer } from "./server/server.js";

/** A running gateway: sockets on one side, services and fabric on the other. */
export interface Gateway extends AsyncDisposable {
  readonly port: number;
  /** What it holds, by name, as GatewayNode tells it. */
  sizes(): Promise<Readonly<Record<string, number>>>;
  /** Takes no more connections and messages, answers what is in flight, and says goodbye. Resolves when all have gone. */
  drain(signal: AbortSignal): Promise<void>;
}

export type GatewayOptions = Omit<NodeOptions, "callMaxBytes" | "callTimeoutMs"> &
  Readonly<{
    host: string;
    port: number;
    /** Whether other threads of this process listen on the same port; the system then deals connections out. */
    portSharing: PortSharing;
    allowedOrigins: readonly string[];
    maxBackpressureBytes: number;
  }>;

export type GatewayDeps = Readonly<{
  services: Transport;
  fabric: Fabric;
  clock: Clock;
  log: Logger;
  metrics: Metrics;
  /** What keeps the services from working, in words for an operator. */
  unreadyBecause(): Promise<string[]>;
}>;

/** Deadline of calls to services, and of requests from outside, in milliseconds. */
const CALL_TIMEOUT_MS = 10_000;
/** Of a request to the public API, and of a call to a service. */
const REQUEST_MAX_BYTES = 256 * 1024;

/** @throws TidewireError `UNAVAILABLE` if the port is taken. */
export async function startGateway(options: GatewayOptions, deps: GatewayDeps): Promise<Gateway> {
  const { services } = deps;
  const node = await startNode(
    { ...options, callMaxBytes: REQUEST_MAX_BYTES, callTimeoutMs: CALL_TIMEOUT_MS },
    {
      ...deps,
      id: crypto.randomUUID(),
      random: Math.random,
      accounts: createClient(AccountService, services),
      conversations: createClient(ConversationService, services),
      messages: createClient(MessageService, services),
      publish: (topic, message) => server.publish(topic, message),
    },
  );
  const { connections } = node;
  const origins = createOrigins(options.allowedOrigins);
  const admission = createAdmission({ origins, strangers: node.context.strangers });
  const edge = createEdge({
    api: createPublicApi({ services, requestMaxBytes: REQUEST_MAX_BYTES, timeoutMs: CALL_TIMEOUT_MS }),
    origins,
    log: deps.log,
    unreadyBecause: async () => (admission.isClosed ? ["this gateway is shutting down"] : deps.unreadyBecause()),
  });

  const server: SocketServer = await listen({
    host: options.host,
    port: options.port,
    portSharing: options.portSharing,
    path: "/ws",
    subprotocol: SUBPROTOCOL,
    hardMessageMaxBytes: 2 * options.limits.messageMaxBytes,
    maxBackpressureBytes: options.maxBackpressureBytes,
    idleTimeoutMs: 3 * options.heartbeatIntervalMs,
    body: { maxBytes: REQUEST_MAX_BYTES, timeoutMs: CALL_TIMEOUT_MS },
    upgrade(request) {
      const verdict = admission.judge(request);
      if (verdict.kind === "refused") deps.metrics.upgradesRefused.inc({ reason: verdict.status });
      return verdict;
    },
    open: (socket) => connections.open(socket),
    request: (request) => edge.handle(request),
  }).catch(async (error: unknown) => {
    await node[Symbol.asyncDispose]();
    throw error;
  });

  return {
    port: server.port,
    sizes: async () => node.sizes(),
    async drain(signal) {
      admission.close();
      server.stopListening();
      await node.drain(signal);
    },
    async [Symbol.asyncDispose]() {
      server.stopListening();
      await node[Symbol.asyncDispose]();
      server[Symbol.dispose]();
    },
  };
}
