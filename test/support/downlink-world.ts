import assert from "node:assert/strict";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { createDownlink, type Downlink, type DownlinkLimits } from "../../gateway/downlink/downlink.js";
import { createHub, type Hub } from "../../gateway/hub/hub.js";
import type { ListeningObserver } from "../../gateway/hub/listeners.js";
import type { Identity } from "../../gateway/session/state.js";
import { createTimers, type Timers } from "../../gateway/timers/timers.js";
import { InterestSchema } from "../../gen/ts/tidewire/v1/conversation_pb.js";
import { DeliverySchema, type FenceSchema, LogEntrySchema } from "../../gen/ts/tidewire/v1/delivery_pb.js";
import { encode } from "../../runtime/binary.js";
import { createMemoryRoutes, type MemoryRoutes } from "../../runtime/fabric/memory-routes.js";
import { createMetrics, type Metrics } from "../../runtime/metrics.js";
import { createManualClock, type ManualClock } from "./clock.js";
import { localSession, type RecordedSession } from "./local-session.js";

export type Entry = MessageInitShape<typeof LogEntrySchema>;

/** Frames are single bytes, so what a session has heard is a list of numbers. */
export type Listener = RecordedSession & {
  /** What was published to its topics. */
  readonly heard: number[];
  /** What was sent again, a list for each WebSocket message. */
  readonly resent: number[][];
};

/** A downlink over a real hub and real timers, with sessions that write down what they hear. */
export interface DownlinkWorld {
  readonly clock: ManualClock;
  readonly timers: Timers;
  readonly hub: Hub;
  readonly routes: MemoryRoutes;
  readonly downlink: Downlink;
  readonly metrics: Metrics;
  /** What was published: each message with its topic. */
  readonly messages: { topic: string; frames: number[] }[];
  /** What the store was asked for, by seqs, and what it has. */
  readonly fetched: [number, number][];
  readonly stored: Entry[];
  /** Attaches a session and returns what it hears. */
  user(userId: bigint, options?: Partial<Identity>): Promise<Listener>;
  /** As a device that logs in later: its interests were read from the store. */
  listener(userId: bigint, rosterSeq: bigint, options?: Partial<Identity>): Promise<Listener>;
  /** Its connection is over. */
  gone(session: Listener): Promise<void>;
  entries(...entries: Entry[]): void;
  fences(...fences: MessageInitShape<typeof FenceSchema>[]): void;
  deliver(payload: Uint8Array): void;
  /** Leaves out entries of the stream. */
  lose(count: bigint): void;
  /** The session acknowledges conversation 9, or another one, up to a seq. */
  ack(session: Listener, seq: number, conversationId?: bigint): void;
  /** How often something has been counted, by label. */
  counted(metric: "retransmissions" | "holes" | "streamGaps"): Promise<Record<string, number>>;
}

export function createDownlinkWorld(limits: Partial<DownlinkLimits> = {}): DownlinkWorld {
  const clock = createManualClock();
  const timers = createTimers(clock);
  const metrics = createMetrics();
  const routes = createMemoryRoutes(clock.monotonicMs);
  const observer: ListeningObserver = {
    began: (session, conversationId) => downlink.began(session, conversationId),
    ended: (session, conversationId, lastSeq) => downlink.ended(session, conversationId, lastSeq),
    missed: (session) => downlink.missed(session),
    latestChange: (conversationId) => downlink.latestChange(conversationId),
  };
  const hub = createHub({ gateway: "g1", routes, leaseMs: 90_000, observer, onError: assert.fail });
  const present = new Set<Listener>();
  const messages: DownlinkWorld["messages"] = [];
  const fetched: [number, number][] = [];
  const stored: Entry[] = [];
  const downlink = createDownlink({
    hub,
    timers,
    monotonicMs: clock.monotonicMs,
    random: () => 0.5,
    metrics,
    publish(topic, frames) {
      messages.push({ topic, frames: [...frames] });
      for (const { topics, heard } of present) if (topics.has(topic)) heard.push(...frames);
    },
    async fetch(conversationId, firstSeq, lastSeq) {
      fetched.push([Number(firstSeq), Number(lastSeq)]);
      return stored
        .map((one) => create(LogEntrySchema, one))
        .filter((one) => one.conversationId === conversationId && one.seq >= firstSeq && one.seq <= lastSeq)
        .sort((a, b) => Number(a.seq - b.seq));
    },
    limits,
  });
  let number = 0n;
  const deliver = (payload: Uint8Array) => downlink.deliver({ stream: "s", number: ++number, payload });
  const user: DownlinkWorld["user"] = async (userId, options) => {
    const session = recording(userId, options);
    present.add(session);
    await hub.attach(session);
    return session;
  };
  return {
    clock,
    timers,
    hub,
    routes,
    downlink,
    metrics,
    messages,
    fetched,
    stored,
    user,
    async listener(userId, rosterSeq, options) {
      const session = await user(userId, options);
      await hub.subscribeInterests(session, async () => [create(InterestSchema, { conversationId: 9n, rosterSeq })]);
      return session;
    },
    async gone(session) {
      present.delete(session);
      downlink.forget(session);
      await hub.detach(session);
    },
    entries: (...entries) => deliver(encode(DeliverySchema, create(DeliverySchema, { entries }))),
    fences: (...fences) => deliver(encode(DeliverySchema, create(DeliverySchema, { fences }))),
    deliver,
    lose(count) {
      number += count;
    },
    ack: (session, seq, conversationId = 9n) => downlink.acknowledge(session, [{ conversationId, seq: BigInt(seq) }]),
    counted: (metric) => countsOf(metrics[metric]),
  };
}

function recording(userId: bigint, options?: Partial<Identity>): Listener {
  const resent: number[][] = [];
  const session: Listener = { ...localSession(userId, options), heard: [], resent };
  session.send = (frames) => void resent.push([...frames]);
  return session;
}

async function countsOf(counter: { get(): Promise<{ values: { value: number; labels: object }[] }> }) {
  const { values } = await counter.get();
  return Object.fromEntries(values.map(({ value, labels }) => [Object.values(labels).join(), value]));
}

/** An entry of conversation 9 whose frame is its seq. If it names who joins or leaves, it is the latest such change. */
export function entry(seq: number, init: Entry = {}): Entry {
  const changesMembers = init.joinedUserIds ?? init.leftUserIds;
  const rosterSeq = changesMembers ? BigInt(seq) : 0n;
  return { conversationId: 9n, seq: BigInt(seq), rosterSeq, frame: Uint8Array.of(seq), ...init };
}

/** An entry of conversation 9 that is delivered by user. */
export function byUser(seq: number, ...userIds: bigint[]): Entry {
  return entry(seq, { userIds });
}
