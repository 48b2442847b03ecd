import type { FaultMix } from "./faults/fault-kinds.js";

/** Everything that a run follows from. Plain data: it is printed when a run fails, and read back by `--config`. */
export type SimConfig = Readonly<{
  /** Where all chance comes from. */
  seed: number;
  gateways: number;
  services: number;
  /** How many devices each user has; the first user is number 1. */
  devices: readonly number[];
  conversations: readonly ConversationConfig[];
  scripts: readonly Script[];
  faults: FaultMix;
  /** How long scripts and faults go on, in milliseconds. */
  activityMs: number;
  /** "local": gateways, services and fabric in one process, where nothing between them takes time. */
  distance: "local" | "remote";
  /** Of a message between a device and a gateway: from and up to. */
  latencyMs: readonly [number, number];
  heartbeatIntervalMs: number;
  /** How long an access token is good for. */
  tokenLifeMs: number;
  /** How long a device's storage takes to commit at most. */
  commitMaxMs: number;
  /** How far wall clocks are off at most, either way. */
  skewMaxMs: number;
  lanes: number;
  /** Of what waits in a lane. */
  laneQueueMaxBytes: number;
  maxBackpressureBytes: number;
  /** Groups with more members are delivered by conversation. */
  routeByConversationAbove: number;
  /** Deadline of a gateway's calls to services, in milliseconds. */
  callTimeoutMs: number;
}>;

export type ConversationConfig =
  | Readonly<{ kind: "direct"; users: readonly [number, number] }>
  | Readonly<{ kind: "group"; users: readonly number[] }>;

/** What apps do. Each script has chances of its own, so that one that is left out changes no other. */
export type Script = Readonly<{
  kind: ScriptKind;
  /** Which conversation it is about: an index. */
  conversation: number;
  /** Names its chances. */
  id: number;
}>;

/**
 * - `chat`: members send now and then, from all their devices.
 * - `burst`: one device sends many messages within a moment, again and again.
 * - `flood`: one device sends large messages, one way, for a few seconds.
 * - `tail`: a single message now and then, with silence around it.
 * - `together`: several devices send in the same moment.
 * - `churn`: members leave and come back.
 * - `logins`: devices log out and in again.
 * - `reading`: read marks.
 */
export type ScriptKind = (typeof scriptKinds)[number];

export const scriptKinds = ["chat", "burst", "flood", "tail", "together", "churn", "logins", "reading"] as const;
