import type { Busyness } from "./busyness.js";
import type { Quantiles } from "./statistics.js";
import type { Verdict } from "./verifier.js";

/** Who is to log in, and how. */
export type Credentials = Readonly<{ userId: bigint; token: string; deviceId: string }>;

export type JoinRequest = Readonly<{ port: number; conversationId: bigint; credentials: readonly Credentials[] }>;

/** `round` counts from 1, warm-up included: it is also the client_id of its messages. */
export type RoundRequest = Readonly<{ round: number; firstSeq: bigint }>;

/** A round of the group, measured and verified. Times since the first send, in milliseconds. */
export type RoundReport = Readonly<{
  /** Until the last delivery. */
  totalMs: number;
  /** From the moment at which all were to send, for each delivery. */
  deliver: Quantiles;
  /** The same for each sender, until it knew its message to be stored. */
  ack: Quantiles;
  busyness: Busyness;
  verdict: Verdict;
  /** The WebSocket messages in which one member got all pushes, in order. */
  messages: readonly Uint8Array[];
  /** When the clock ran, on the machine's monotonic clock, in microseconds. */
  window: Window;
}>;

export type Window = Readonly<{ fromUs: number; toUs: number }>;

export type RawReport = Readonly<{ totalMs: number; busyness: Busyness }>;

/** What the load generator does on request. */
export type GeneratorCalls = {
  /** Connects and logs in all members. */
  join(request: JoinRequest): Promise<void>;
  /** Lets all members send at once. Returns when all is delivered, acknowledged and verified, or when time is up. */
  runRound(request: RoundRequest): Promise<RoundReport>;
  /** Connects subscribers to the raw server. */
  subscribeRaw(request: { port: number; subscribers: number; bytes: number }): Promise<void>;
  /** Has the raw server publish, and checks that every subscriber got these bytes. */
  runRawRound(request: { messages: readonly Uint8Array[] }): Promise<RawReport>;
  /** Closes all connections. */
  leave(request: undefined): Promise<void>;
};
