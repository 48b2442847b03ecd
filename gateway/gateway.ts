import { createClient, type Transport } from "@connectrpc/connect";
import { AccountService } from "../gen/ts/tidewire/v1/account_pb.js";
import { ConversationService } from "../gen/ts/tidewire/v1/conversation_pb.js";
import type { Limits } from "../gen/ts/tidewire/v1/frame_pb.js";
import { MessageService } from "../gen/ts/tidewire/v1/message_pb.js";
import type { Clock } from "../runtime/clock.js";
import type { Fabric, GatewayId } from "../runtime/fabric/fabric.js";
import type { Logger } from "../runtime/log.js";
import type { Metrics } from "../runtime/metrics.js";
import { createAdmission, SUBPROTOCOL } from "./admission.js";
import { createConnections } from "./connections.js";
import type { GatewayContext } from "./context.js";
import { createDownlink, type Downlink } from "./downlink/downlink.js";
import { createOrigins } from "./edge/cors.js";
import { createEdge } from "./edge/edge.js";
import { createPublicApi } from "./edge/public-api.js";
import { createHub } from "./hub.js";
import { listen, type SocketServer } from "./server.js";
import { createStrangers } from "./strangers.js";
import { startUpkeep } from "./upkeep.js";
import { createLanes } from "./uplink/lanes.js";
import { createUserRates } from "./user-rates.js";

/** A running gateway: sockets on one side, services and fabric on the other. */
export interface Gateway extends AsyncDisposable {
  readonly port: number;
  readonly connections: number;
  /** Takes no more connections and messages, answers what is in flight, and says goodbye. Resolves when all have gone. */
  drain(signal: AbortSignal): Promise<void>;
}

export type GatewayOptions = Readonly<{
  host: string;
  port: number;
  allowedOrigins: readonly string[];
  strangersPerAddressMax: number;
  maxBackpressureBytes: number;
  loginTimeoutMs: number;
  heartbeatIntervalMs: number;
  ackDelayMs: number;
  limits: Limits;
  lanes: number;
  laneQueueMaxBytes: number;
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
/** How long others believe what this gateway has told the fabric, in milliseconds. */
const LEASE_MS = 90_000;
/** Devices that are sent away come back spread over this time, in milliseconds. */
const RECONNECT_SPREAD_MS = 5_000;
/** A batch ends with the message that takes it over the size; the largest one still fits into a call. */
const BATCH = { batchMaxBytes: REQUEST_MAX_BYTES / 2, batchMax: 1_000, patienceMs: 10_000 };

/** @throws TidewireError `UNAVAILABLE` if the port is taken. */
export async function startGateway(options: GatewayOptions, deps: GatewayDeps): Promise<Gateway> {
  const id: GatewayId = crypto.randomUUID();
  const { context, downlink } = createShared(options, deps, id, (topic, frames) => server.publish(topic, frames));
  const origins = createOrigins(options.allowedOrigins);
  const admission = createAdmission({ origins, strangers: context.strangers });
  const connections = createConnections(context);
  const edge = createEdge({
    api: createPublicApi({ services: deps.services, requestMaxBytes: REQUEST_MAX_BYTES, timeoutMs: CALL_TIMEOUT_MS }),
    origins,
    log: deps.log,
    unreadyBecause: async () => (admission.isClosed ? ["this gateway is shutting down"] : deps.unreadyBecause()),
  });

  const server: SocketServer = await listen({
    host: options.host,
    port: options.port,
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
  });
  const stream = await deps.fabric.streams.consume(id, (entry) => downlink.deliver(entry));
  const upkeep = await startUpkeep({ id, fabric: deps.fabric, leaseMs: LEASE_MS, context, connections, downlink });

  return {
    port: server.port,
    get connections() {
      return connections.count;
    },
    async drain(signal) {
      admission.close();
      server.stopListening();
      const reconnectAfterMs = () => Math.round(Math.random() * RECONNECT_SPREAD_MS);
      connections.dispatch(() => ({ kind: "drain", reconnectAfterMs: reconnectAfterMs() }));
      await context.lanes.drained(signal).catch((error: unknown) => {
        deps.log.warn({ err: error }, "messages were still in flight; devices send them again");
      });
      connections.dispatch(() => ({ kind: "drained" }));
      await connections.gone(signal);
    },
    async [Symbol.asyncDispose]() {
      await upkeep[Symbol.asyncDispose]();
      server.stopListening();
      await context.lanes[Symbol.asyncDispose]();
      await stream[Symbol.asyncDispose]();
      downlink[Symbol.dispose]();
      server[Symbol.dispose]();
    },
  };
}

type Shared = Readonly<{ context: GatewayContext; downlink: Downlink }>;

/** What all connections of this gateway have in common. */
function createShared(
  options: GatewayOptions,
  deps: GatewayDeps,
  id: GatewayId,
  publish: SocketServer["publish"],
): Shared {
  const { services, fabric, clock, log, metrics } = deps;
  const messages = createClient(MessageService, services);
  const onError = (error: unknown) => log.warn({ err: error }, "the fabric was not told; renewing the leases does it");
  const hub = createHub({ gateway: id, routes: fabric.routes, leaseMs: LEASE_MS, onError });
  const downlink = createDownlink({
    hub,
    clock,
    publish(topic, frames) {
      metrics.pushes.inc();
      publish(topic, frames);
    },
  });
  const lane = { ...BATCH, queueMaxBytes: options.laneQueueMaxBytes };
  const context: GatewayContext = {
    clock,
    log,
    metrics,
    rules: { ...options, frames: options.limits },
    hub,
    lanes: createLanes({ count: options.lanes, lane, callTimeoutMs: CALL_TIMEOUT_MS, messages, clock, log, metrics }),
    rates: createUserRates(),
    strangers: createStrangers(options.strangersPerAddressMax),
    accounts: createClient(AccountService, services),
    conversations: createClient(ConversationService, services),
    messages,
    now: () => ({ monotonicMs: clock.monotonicMs(), wallMs: clock.nowMs() }),
    call: () => ({ timeoutMs: CALL_TIMEOUT_MS }),
    headSeqOf: downlink.headSeqOf,
  };
  return { context, downlink };
}
