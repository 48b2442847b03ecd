import type { Quantiles, Weighted } from "../figures/statistics.js";
import type { Verdict } from "../group/verifier.js";
import type { Busyness } from "./busyness.js";
import type { Holding } from "./log-follower.js";
import type { Pace } from "./pacemaker.js";
import type { Acks } from "./workload.js";

/** Who is to log in, and how. */
export type Credentials = Readonly<{ userId: bigint; token: string; deviceId: string }>;

export type JoinRequest = Readonly<{ port: number; conversationId: bigint; credentials: readonly Credentials[] }>;

/** `round` counts from 1, warm-up included: it is also the client_id of its messages. */
export type RoundRequest = Readonly<{ round: number; firstSeq: bigint; acks: Acks }>;

/** A round of the group, measured and verified. Times since the first send, in milliseconds. */
export type RoundReport = Readonly<{
  /** Until the last delivery. */
  totalMs: number;
  /** From the moment at which all were to send, for each delivery. */
  deliver: Quantiles;
  /** The same in full: deliveries that came in one go are one observation. */
  observations: readonly Weighted[];
  /** The same for each sender, until it knew its message to be stored. */
  ack: Quantiles;
  ackObservations: readonly Weighted[];
  busyness: Busyness;
  /** Acks that left while the round was measured. */
  acks: number;
  verdict: Verdict;
  /** The WebSocket messages in which one member got all pushes, in order. */
  messages: readonly Uint8Array[];
  /** When the clock ran, on the machine's monotonic clock, in microseconds. */
  window: Window;
}>;

export type Window = Readonly<{ fromUs: number; toUs: number }>;

export type RawReport = Readonly<{ totalMs: number; busyness: Busyness }>;

/** A member's place: the one conversation in which it writes and reads, and where the log of that ends to begin with. */
export type Seat = Credentials & Readonly<{ conversationId: bigint; headSeq: bigint }>;

/** Members send in the order of their seats. */
export type StreamJoinRequest = Readonly<{ port: number; textBytes: number; seats: readonly Seat[] }>;

/** So many messages, one after the other at even distances; members take turns at sending. */
export type StreamRequest = Readonly<{ pace: Pace }>;

/** A stretch of a stream. */
export type StreamReport = Readonly<{
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
  join(request: JoinRequest): Promise<void>;
  /**
   * Lets all members send at once. Returns when all is delivered, no ack waits to be sent, and the server has read the last
   * one; or when time is up.
   */
  runRound(request: RoundRequest): Promise<void>;
  /** Acknowledges what was held back, and verifies the round. */
  reportRound(request: undefined): Promise<RoundReport>;
  /** Connects subscribers to the raw server. */
  subscribeRaw(request: { port: number; subscribers: number; bytes: number }): Promise<void>;
  /** Has the raw server publish, and checks that every subscriber got these bytes. */
  runRawRound(request: { messages: readonly Uint8Array[] }): Promise<RawReport>;
  /** Connects and logs in the members of a stream. */
  joinStream(request: StreamJoinRequest): Promise<void>;
  /** Lets the stream flow. Returns when all members have all of it, or when time is up. */
  runStream(request: StreamRequest): Promise<StreamReport>;
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
