import type { Weighted } from "../figures/statistics.js";
import type { Verdict } from "../group/verifier.js";
import type { Busyness } from "./busyness.js";
import type { Holding } from "./log-follower.js";
import type { Pace } from "./pacemaker.js";
import type { Keep, TimedLatencies } from "./timed-latencies.js";
import type { Acks, Sent } from "./workload.js";

/** Who is to log in, and how. */
export type Credentials = Readonly<{ userId: bigint; token: string; deviceId: string }>;

/** A member that has logged in, and its device. */
export type Joined = Readonly<{ userId: bigint; device: number }>;

/** @property messages what to expect in a round, at most */
export type JoinRequest = Readonly<{
  port: number;
  conversationId: bigint;
  credentials: readonly Credentials[];
  messages: number;
}>;

/** What is to be sent, by whom, and from which seq on it is to lie in the log. */
export type RoundRequest = Readonly<{ sent: readonly Sent[]; firstSeq: bigint; acks: Acks }>;

/** A round as one generator has seen it, verified. Times are microseconds on the machine's monotonic clock. */
export type PartReport = Readonly<{
  /** When the first of its members was to send; undefined if none was. */
  startUs: number | undefined;
  /** When messages were delivered: those that came in one go are one observation. */
  deliveries: readonly Weighted[];
  /** When senders knew their message to be stored. */
  acked: readonly Weighted[];
  busyness: Busyness;
  /** Acks that left while the round was measured. */
  acks: number;
  verdict: Verdict;
  /** The WebSocket messages in which one member got all pushes, in order. */
  messages: readonly Uint8Array[];
}>;

/**
 * @property bytes what to expect in a round, at most
 * @property trigger whether one of these subscribers is to make the server publish
 */
export type SubscribeRequest = Readonly<{
  port: number;
  subscribers: number;
  bytes: number;
  trigger: "here" | "elsewhere";
}>;

/** A round of the raw server. Times are microseconds on the machine's monotonic clock. */
export type RawReport = Readonly<{ startUs: number | undefined; lastUs: number }>;

/** A stretch of time on the machine's monotonic clock, in microseconds. */
export type Window = Readonly<{ fromUs: number; toUs: number }>;

/** A member's place: the one conversation in which it writes and reads, and where the log of that ends to begin with. */
export type Seat = Credentials & Readonly<{ conversationId: bigint; headSeq: bigint }>;

/** Members send in the order of their seats. */
export type StreamJoinRequest = Readonly<{ port: number; textBytes: number; seats: readonly Seat[] }>;

/** So many messages, one after the other at even distances, unless it is stopped; members take turns at sending. */
export type StreamRequest = Readonly<{ pace: Pace; keep?: Keep }>;

/** A stretch of a stream. */
export type StretchReport = Readonly<{
  /** Of each delivery to another than its sender, in milliseconds since its message was to be sent. */
  deliver: readonly Weighted[];
  /** The same for each sender, until it knew its message to be stored. */
  ack: readonly Weighted[];
  /** How much later than it was to be sent each message left, in milliseconds. */
  late: readonly Weighted[];
  /** Members that know their message to be stored, counted over all messages. */
  acked: number;
  busyness: Busyness;
  /** What went wrong, in words. */
  problems: readonly string[];
}>;

/** The same where it can be stopped. */
export type StreamReport = StretchReport &
  Readonly<{
    /** Messages: as many as were asked for, unless it was stopped. */
    sent: number;
    /** Latencies once more, each with its time, if times are kept. */
    timed: TimedLatencies;
  }>;

/** Connections that are to be there: of devices, each with a login, or of the raw server. */
export type IdleRequest =
  | Readonly<{ kind: "devices"; port: number; credentials: readonly Credentials[] }>
  | Readonly<{ kind: "bare"; port: number; sockets: number }>;

/** A message in its place in the log; its text follows from the rest. */
export type StreamedMessage = Readonly<{ seq: bigint; senderId: bigint; device: number; clientId: bigint }>;

/** Each sends to its own conversation, where nobody else does, and has at most `window` messages without an outcome. */
export type IngestJoinRequest = Readonly<{ port: number; textBytes: number; seats: readonly Seat[]; window: number }>;

/** What became of the messages that one process has stored for so many seconds. */
export type IngestReport = Readonly<{
  startUs: number;
  sent: number;
  /** Those that their sender knew to be stored, by the second in which it learned of it; the rest came after the end. */
  storedBySecond: readonly number[];
  acked: number;
  /** Of each message, from its send until its sender knew it to be stored, in milliseconds. */
  ack: readonly Weighted[];
  busyness: Busyness;
  problems: readonly string[];
}>;

/** The load generator, for whoever forks it. */
export const generatorModule = new URL("./generator.js", import.meta.url);

/** What the load generator does on request. */
export type GeneratorCalls = {
  /** Connects and logs in all members. */
  join(request: JoinRequest): Promise<readonly Joined[]>;
  /** Gets ready for a round, so that nothing of it is missed. */
  prepareRound(request: RoundRequest): void;
  /**
   * Lets its members send what they are to send, all at once. Returns when all is delivered, no ack waits to be sent, and the
   * server has read the last one; or when time is up.
   */
  runRound(request: undefined): Promise<void>;
  /** Acknowledges what was held back, and verifies the round. */
  reportRound(request: undefined): Promise<PartReport>;
  /** Connects subscribers to the raw server. */
  subscribeRaw(request: SubscribeRequest): Promise<void>;
  /** Gets ready for these messages. */
  prepareRaw(request: { messages: readonly Uint8Array[] }): void;
  /** Waits until every subscriber has these messages, and checks that it has exactly these. */
  runRaw(request: undefined): Promise<RawReport>;
  /** Connects and logs in the members of a stream. */
  joinStream(request: StreamJoinRequest): Promise<void>;
  /** Lets the stream flow. Returns when all members have all of it, or when time is up. */
  runStream(request: StreamRequest): Promise<StreamReport>;
  /** Ends the stream that flows: nothing is sent from now on, and `runStream` returns when all members have all of it. */
  stopStream(request: undefined): void;
  /** What each member has, and what the first one has in detail. */
  reportStream(request: undefined): Promise<{ holdings: readonly Holding[]; log: readonly StreamedMessage[] }>;
  /** Connects and logs in senders. */
  joinIngest(request: IngestJoinRequest): Promise<void>;
  /** Lets all send as much as they get stored, for so long. Returns when everything is stored, or when time is up. */
  runIngest(request: { seconds: number }): Promise<IngestReport>;
  /** What each sender has been given back of its log. */
  reportIngest(request: undefined): Promise<readonly Holding[]>;
  /** Opens connections, and keeps them without using them. */
  openIdle(request: IdleRequest): Promise<void>;
  /** Fails if one was lost, or does not answer. */
  checkIdle(request: undefined): Promise<void>;
  /** Takes leave of all of them. Returns when the server has closed them. */
  closeIdle(request: undefined): Promise<void>;
  /** How many connections of any kind are open; may be asked meanwhile. */
  countConnections(request: undefined): number;
  /** Closes all connections. */
  leave(request: undefined): Promise<void>;
};
