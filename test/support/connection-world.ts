import assert from "node:assert/strict";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { type Connection, createConnection } from "../../gateway/connection.js";
import type { GatewayContext } from "../../gateway/context.js";
import { createDownlink, type Downlink } from "../../gateway/downlink/downlink.js";
import { concat, splitFrames } from "../../gateway/frames/frames.js";
import { createHub, type Hub } from "../../gateway/hub/hub.js";
import type { ListeningObserver } from "../../gateway/hub/listeners.js";
import { createDeliveredMarks } from "../../gateway/marks/delivered-marks.js";
import type { Socket } from "../../gateway/server/server.js";
import { createStrangers } from "../../gateway/strangers.js";
import { createTimers, type Timers } from "../../gateway/timers/timers.js";
import { createLanes } from "../../gateway/uplink/lanes.js";
import { createUserRates } from "../../gateway/user-rates.js";
import { OpenSessionResponseSchema, RenewSessionResponseSchema } from "../../gen/ts/tidewire/v1/account_pb.js";
import { ListInterestsResponseSchema, MarkReadResponseSchema } from "../../gen/ts/tidewire/v1/conversation_pb.js";
import { DeliverySchema, type LogEntrySchema } from "../../gen/ts/tidewire/v1/delivery_pb.js";
import { ErrorCode, ErrorDetailSchema } from "../../gen/ts/tidewire/v1/error_pb.js";
import {
  ClientFrameSchema,
  LimitsSchema,
  type ServerFrame,
  ServerFrameSchema,
  SyncPageSchema,
} from "../../gen/ts/tidewire/v1/frame_pb.js";
import { defaultLimits } from "../../gen/ts/tidewire/v1/limits.js";
import { HeadsOfResponseSchema, HeadsResponseSchema, SyncResponseSchema } from "../../gen/ts/tidewire/v1/message_pb.js";
import { decode, encode } from "../../runtime/binary.js";
import { createMemoryRoutes, type MemoryRoutes } from "../../runtime/fabric/memory-routes.js";
import { silentLogger } from "../../runtime/log.js";
import { createMetrics } from "../../runtime/metrics.js";
import { createManualClock, type ManualClock } from "./clock.js";
import { storeAll } from "./lane-store.js";

type Frame = MessageInitShape<typeof ClientFrameSchema>["frame"] & object;

/** A gateway's inside with services that answer at once, and sockets that only write down what they are told. */
export interface ConnectionWorld {
  readonly clock: ManualClock;
  readonly context: GatewayContext;
  readonly hub: Hub;
  readonly routes: MemoryRoutes;
  readonly timers: Timers;
  readonly downlink: Downlink;
  connect(address?: string): TestSocket;
  /** Delivers entries, as services publish them. Open sockets get what is published to their topics. */
  deliver(...entries: MessageInitShape<typeof LogEntrySchema>[]): void;
}

/** A device's end of a connection. */
export interface TestSocket {
  readonly connection: Connection;
  readonly topics: Set<string>;
  /** WebSocket messages that the gateway has sent. */
  readonly messages: Uint8Array[];
  /** The code and reason by which the gateway has closed it. */
  readonly closed: { code: number; reason: string } | undefined;
  /** Frames of all messages so far, decoded. */
  frames(): ServerFrame["frame"][];
  /** Sends frames as one WebSocket message. */
  send(...frames: Frame[]): void;
  sendBytes(bytes: Uint8Array): void;
  /** Logs in and waits for the answer. */
  login(token?: string, deviceId?: string): Promise<void>;
  /** From now on its socket takes nothing more. */
  stall(): void;
  /** Its socket takes everything again. */
  drain(): void;
}

/** What is no frame has to be found in tests at once, so the limits are those of the protocol. */
const frameLimits = defaultLimits;

export function createConnectionWorld(override: Partial<GatewayContext> = {}): ConnectionWorld {
  const clock = createManualClock();
  const routes = createMemoryRoutes(clock.monotonicMs);
  const observer: ListeningObserver = {
    began: (session, conversationId) => downlink.began(session, conversationId),
    ended: (session, conversationId, lastSeq) => downlink.ended(session, conversationId, lastSeq),
    missed: (session) => downlink.missed(session),
    latestChange: (conversationId) => downlink.latestChange(conversationId),
  };
  const hub = createHub({ gateway: "g1", routes, leaseMs: 90_000, observer, onError: assert.fail });
  const metrics = createMetrics();
  const timers = createTimers(clock);
  const { monotonicMs } = clock;
  const messages = createMessages();
  const lane = { queueMaxBytes: 1_000_000, batchMaxBytes: 100_000, batchMax: 1_000, patienceMs: 10_000 };
  const limits = create(LimitsSchema, defaultLimits);
  const topics: Topics = new Map();
  const downlink = createDownlink({
    hub,
    timers,
    monotonicMs,
    metrics,
    random: Math.random,
    publish(topic, frames) {
      for (const receiver of [...(topics.get(topic) ?? [])]) receiver.receive(frames);
    },
    fetch: async () => [],
  });
  let number = 0n;
  const context: GatewayContext = {
    clock,
    random: Math.random,
    log: silentLogger,
    metrics,
    timers,
    downlink,
    delivered: createDeliveredMarks({ marks: { raise: async () => {} }, timers, log: silentLogger }),
    rules: { loginTimeoutMs: 5_000, heartbeatIntervalMs: 30_000, ackDelayMs: 200, limits, frames: frameLimits },
    hub,
    lanes: createLanes({ count: 2, lane, callTimeoutMs: 1_000, messages, clock, log: silentLogger, metrics }),
    rates: createUserRates(),
    strangers: createStrangers(1_000_000),
    accounts: createAccounts(clock),
    conversations: createConversations(),
    messages,
    now: () => ({ monotonicMs: clock.monotonicMs(), wallMs: clock.nowMs() }),
    call: () => ({}),
    ...override,
  };
  return {
    clock,
    context,
    hub,
    routes,
    timers,
    downlink,
    connect: (address = "10.0.0.1") => connect(context, clock, topics, address),
    deliver(...entries) {
      const payload = encode(DeliverySchema, create(DeliverySchema, { entries }));
      downlink.deliver({ stream: "s", number: ++number, payload });
    },
  };
}

/** Tokens are "user ID"; any other is refused. Each login raises the epoch of its user. */
function createAccounts(clock: ManualClock): GatewayContext["accounts"] {
  let epoch = 0n;
  const verify = (token = "") => {
    const [, userId] = /^user (\d{1,9})$/.exec(token) ?? [];
    if (userId === undefined) throw failure(ErrorCode.UNAUTHENTICATED, Code.Unauthenticated);
    return { userId: BigInt(userId), tokenExpiresAtMs: BigInt(clock.nowMs() + 900_000) };
  };
  const accounts: Partial<GatewayContext["accounts"]> = {
    openSession: async ({ token, deviceId }) =>
      create(OpenSessionResponseSchema, {
        ...verify(token),
        device: deviceId === "phone" ? 1 : 2,
        epoch: ++epoch,
        storeId: "store-1",
      }),
    renewSession: async ({ token }) => create(RenewSessionResponseSchema, verify(token)),
  };
  return accounts as GatewayContext["accounts"];
}

function createConversations(): GatewayContext["conversations"] {
  const conversations: Partial<GatewayContext["conversations"]> = {
    listInterests: async () =>
      create(ListInterestsResponseSchema, { interests: [{ conversationId: 9n, rosterSeq: 1n }] }),
    markRead: async () => create(MarkReadResponseSchema),
  };
  return conversations as GatewayContext["conversations"];
}

function createMessages(): GatewayContext["messages"] {
  const messages: Partial<GatewayContext["messages"]> = {
    submitBatch: async ({ submissions = [] }) => storeAll(submissions.map(({ clientId = 0n }) => clientId)),
    sync: async () =>
      create(SyncResponseSchema, { page: encode(SyncPageSchema, create(SyncPageSchema, { headSeq: 3n })) }),
    heads: async () => create(HeadsResponseSchema, { page: { watermark: 8n } }),
    headsOf: async ({ conversationIds = [] }) =>
      create(HeadsOfResponseSchema, { page: { heads: conversationIds.map((conversationId) => ({ conversationId })) } }),
  };
  return messages as GatewayContext["messages"];
}

/** A failure as services report it. */
export function failure(code: ErrorCode, connectCode: Code, retryAfterMs = 0): ConnectError {
  const detail = { desc: ErrorDetailSchema, value: { code, retryAfterMs } };
  return new ConnectError("no", connectCode, undefined, [detail]);
}

export function encodeFrames(...frames: Frame[]): Uint8Array {
  return concat(frames.map((frame) => prefix(toBinary(ClientFrameSchema, create(ClientFrameSchema, { frame })))));
}

/** Puts a frame's length in front of it. */
function prefix(body: Uint8Array): Uint8Array {
  const length: number[] = [];
  let rest = body.length;
  for (; rest > 0x7f; rest >>>= 7) length.push((rest & 0x7f) | 0x80);
  return Uint8Array.of(...length, rest, ...body);
}

/** The sockets that listen to each topic. */
type Topics = Map<string, Set<Receiver>>;
type Receiver = { receive(message: Uint8Array): void };

function connect(context: GatewayContext, clock: ManualClock, topics: Topics, remoteAddress: string): TestSocket {
  const own = new Set<string>();
  const messages: Uint8Array[] = [];
  let closed: TestSocket["closed"];
  let isStalled = false;
  const receiver: Receiver = {
    receive(message) {
      if (isStalled) handler.dropped();
      else messages.push(message);
    },
  };
  const socket: Socket = {
    remoteAddress,
    send(message) {
      if (closed) throw new Error("sent after close");
      receiver.receive(message);
    },
    subscribe(topic) {
      own.add(topic);
      topics.set(topic, (topics.get(topic) ?? new Set()).add(receiver));
    },
    unsubscribe,
    close(code, reason) {
      if (closed) throw new Error("closed twice");
      closed = { code, reason };
      end();
    },
  };
  function unsubscribe(topic: string) {
    own.delete(topic);
    const receivers = topics.get(topic);
    receivers?.delete(receiver);
    if (receivers?.size === 0) topics.delete(topic);
  }
  /** The library takes a socket that has closed off its topics by itself; a test still sees which they were. */
  function end() {
    const last = [...own];
    for (const topic of last) unsubscribe(topic);
    for (const topic of last) own.add(topic);
    handler.closed();
  }

  context.strangers.enter(remoteAddress);
  const handler = createConnection(socket, context, () => {});
  const sendBytes = (bytes: Uint8Array) => handler.message(bytes, "binary");
  return {
    connection: {
      dispatch: (event) => handler.dispatch(event),
      message: (message, kind) => handler.message(message, kind),
      dropped: () => handler.dropped(),
      drained: () => handler.drained(),
      closed: end,
    },
    topics: own,
    messages,
    get closed() {
      return closed;
    },
    frames: () =>
      messages.flatMap((message) =>
        splitFrames(message, frameLimits).map((frame) => decode(ServerFrameSchema, frame).frame),
      ),
    send: (...frames) => sendBytes(encodeFrames(...frames)),
    sendBytes,
    async login(token = "user 7", deviceId = "phone") {
      sendBytes(encodeFrames({ case: "login", value: { token, deviceId } }));
      await clock.settle();
    },
    stall() {
      isStalled = true;
    },
    drain() {
      isStalled = false;
      handler.drained();
    },
  };
}
