import type { Busyness } from "../generator/busyness.js";
import type { Seat } from "../generator/generator-calls.js";
import type { Holding } from "../generator/log-follower.js";

/** The process of devices that come in a storm, for whoever forks it. */
export const stormDevicesModule = new URL("./storm-devices.js", import.meta.url);

/** @property loginsMax connections that may be about to log in at a time. */
export type StormRequest = Readonly<{
  port: number;
  seats: readonly Seat[];
  /** In the log of each seat's group. */
  messages: number;
  textBytes: number;
  loginsMax: number;
}>;

/** When a device began to connect, and how long it then took until it had all messages, in milliseconds. */
export type Arrived = Readonly<{ startUs: number; caughtUpMs: number }>;

/** A storm as one process has seen it. */
export type StormReport = Readonly<{
  devices: readonly Arrived[];
  /** Logins that failed and were tried again. */
  turnedAway: number;
  /** Reads that failed for the moment and were tried again. */
  putOff: number;
  busyness: Busyness;
  /** What went wrong, in words. */
  problems: readonly string[];
}>;

/** What the process does on request. */
export type StormDevicesCalls = {
  /** Takes note of who is to come. */
  prepare(request: StormRequest): void;
  /** Lets all connect at once, log in, and catch up. Returns when all have, or when time is up. */
  run(request: undefined): Promise<StormReport>;
  /** Takes leave of all connections. Returns when the server has closed them. */
  leave(request: undefined): Promise<void>;
  /** What each device was given since it came, verified. */
  report(request: undefined): readonly Holding[];
};
