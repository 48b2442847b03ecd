import type { Client } from "@connectrpc/connect";
import type { AccountService } from "../gen/ts/tidewire/v1/account_pb.js";
import type { ConversationService } from "../gen/ts/tidewire/v1/conversation_pb.js";
import type { Limits } from "../gen/ts/tidewire/v1/frame_pb.js";
import type { MessageService } from "../gen/ts/tidewire/v1/message_pb.js";
import type { Clock } from "../runtime/clock.js";
import type { Fabric, GatewayId } from "../runtime/fabric/fabric.js";
import type { Logger } from "../runtime/log.js";
import type { Metrics } from "../runtime/metrics.js";
import { type Connections, createConnections } from "./connections.js";
import type { GatewayContext } from "./context.js";
import { createDownlink, type Downlink } from "./downlink/downlink.js";
import { createHub } from "./hub/hub.js";
import type { ListeningObserver } from "./hub/listeners.js";
import { createDeliveredMarks } from "./marks/delivered-marks.js";
import { createStrangers } from "./strangers.js";
import { createTimers } from "./timers/timers.js";
import { startUpkeep } from "./upkeep.js";
import { createLanes } from "./uplink/lanes.js";
import { createUserRates } from "./user-rates.js";

/**
 * A gateway without its port: connections, lanes, downlink, and what it tells the fabric. All that it knows of time, chance,
 * sockets and services is handed to it, so the simulator runs this very code.
 */
export interface GatewayNode extends AsyncDisposable {
  readonly context: GatewayContext;
  readonly connections: Connections;
  /** What it holds, by name: all but `timers` return to nothing once nobody is connected and some time has passed. */
  sizes(): Readonly<Record<string, number>>;
  /** Takes no more messages, answers what is in flight, and says goodbye. Resolves when all have gone. */
  drain(signal: AbortSignal): Promise<void>;
}

export type NodeOptions = Readonly<{
  strangersPerAddressMax: number;
  loginTimeoutMs: number;
  heartbeatIntervalMs: number;
  ackDelayMs: number;
  limits: Limits;
  lanes: number;
  laneQueueMaxBytes: number;
  /** Largest call to a service, in bytes. */
  callMaxBytes: number;
  /** Deadline of a call to a service, in milliseconds. */
  callTimeoutMs: number;
}>;

export type NodeDeps = Readonly<{
  id: GatewayId;
  accounts: Client<typeof AccountService>;
  conversations: Client<typeof ConversationService>;
  messages: Client<typeof MessageService>;
  fabric: Fabric;
  clock: Clock;
  log: Logger;
  metrics: Metrics;
  /** Uniform in [0, 1). */
  random: () => number;
  /** Sends a binary message to all sockets that have subscribed to a topic. */
  publish(topic: string, message: Uint8Array): void;
}>;

/** How long others believe what this gateway has told the fabric, in milliseconds. */
const LEASE_MS = 90_000;
/** Devices that are sent away come back spread over this time, in milliseconds. */
const RECONNECT_SPREAD_MS = 5_000;

/** Joins the fabric. Sockets may be opened once this resolves. */
export async function startNode(options: NodeOptions, deps: NodeDeps): Promise<GatewayNode> {
  const { id, fabric, random, log } = deps;
  const { context, downlink } = createShared(options, deps);
  const connections = createConnections(context);
  const stream = await fabric.streams.consume(id, (entry) => downlink.deliver(entry));
  const upkeep = await startUpkeep({ id, fabric, leaseMs: LEASE_MS, context, connections, downlink }).catch(
    async (error: unknown) => {
      await stream[Symbol.asyncDispose]();
      throw error;
    },
  );
  return {
    context,
    connections,
    sizes: () => ({
      connections: connections.count,
      sessions: context.hub.sessionCount,
      conversations: downlink.activeConversations,
      ringBytes: downlink.ringBytes,
      timers: context.timers.size,
      laneBytes: context.lanes.queuedBytes,
      rates: context.rates.size,
      strangers: context.strangers.size,
      delivered: context.delivered.size,
    }),
    async drain(signal) {
      const reconnectAfterMs = () => Math.round(random() * RECONNECT_SPREAD_MS);
      connections.dispatch(() => ({ kind: "drain", reconnectAfterMs: reconnectAfterMs() }));
      await context.lanes.drained(signal).catch((error: unknown) => {
        log.warn({ err: error }, "messages were still in flight; devices send them again");
      });
      connections.dispatch(() => ({ kind: "drained" }));
      await connections.gone(signal);
    },
    async [Symbol.asyncDispose]() {
      await upkeep[Symbol.asyncDispose]();
      await context.delivered[Symbol.asyncDispose]();
      await context.lanes[Symbol.asyncDispose]();
      await stream[Symbol.asyncDispose]();
      downlink[Symbol.dispose]();
      context.timers[Symbol.dispose]();
    },
  };
}

type Shared = Readonly<{ context: GatewayContext; downlink: Downlink }>;

/** What all connections of this gateway have in common. */
function createShared(options: NodeOptions, deps: NodeDeps): Shared {
  const { id, fabric, clock, log, metrics, random, messages, accounts, conversations } = deps;
  const { callMaxBytes, callTimeoutMs } = options;
  const onError = (error: unknown) => log.warn({ err: error }, "the fabric was not told; renewing the leases does it");
  const timers = createTimers(clock);
  const observer: ListeningObserver = {
    began: (session, conversationId) => downlink.began(session, conversationId),
    ended: (session, conversationId, lastSeq) => downlink.ended(session, conversationId, lastSeq),
    missed: (session) => downlink.missed(session),
    latestChange: (conversationId) => downlink.latestChange(conversationId),
  };
  const hub = createHub({ gateway: id, routes: fabric.routes, leaseMs: LEASE_MS, observer, onError });
  const downlink: Downlink = createDownlink({
    hub,
    timers,
    monotonicMs: clock.monotonicMs,
    random,
    metrics,
    publish(topic, frames) {
      metrics.pushes.inc();
      deps.publish(topic, frames);
    },
    async fetch(conversationId, firstSeq, lastSeq) {
      try {
        return (await messages.entries({ conversationId, firstSeq, lastSeq }, { timeoutMs: callTimeoutMs })).entries;
      } catch (error) {
        log.warn({ err: error, conversationId }, "missing entries could not be fetched");
        return [];
      }
    },
  });
  // A batch ends with the message that takes it over the size; the largest one still fits into a call.
  const batch = { batchMaxBytes: callMaxBytes / 2, batchMax: 1_000, patienceMs: callTimeoutMs };
  const lane = { ...batch, queueMaxBytes: options.laneQueueMaxBytes };
  const context: GatewayContext = {
    clock,
    random,
    log,
    metrics,
    rules: { ...options, frames: options.limits },
    timers,
    hub,
    downlink,
    delivered: createDeliveredMarks({ marks: fabric.marks, timers, log }),
    lanes: createLanes({ count: options.lanes, lane, callTimeoutMs, messages, clock, log, metrics }),
    rates: createUserRates(),
    strangers: createStrangers(options.strangersPerAddressMax),
    accounts,
    conversations,
    messages,
    now: () => ({ monotonicMs: clock.monotonicMs(), wallMs: clock.nowMs() }),
    call: () => ({ timeoutMs: callTimeoutMs }),
  };
  return { context, downlink };
}
