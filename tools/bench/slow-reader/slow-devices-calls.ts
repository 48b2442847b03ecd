import type { StreamJoinRequest } from "../generator/generator-calls.js";
import type { Holding } from "../generator/log-follower.js";

/** The process of slow devices, for whoever forks it. */
export const slowDevicesModule = new URL("./slow-devices.js", import.meta.url);

/** What the process of slow devices does on request. */
export type SlowDevicesCalls = {
  /** Logs in, and syncs everything that there is. */
  join(request: StreamJoinRequest): Promise<void>;
  /** Cuts all connections, and returns when new ones stand: their buffers in the kernel are small again. */
  reconnect(request: undefined): Promise<void>;
  /** From here on, the first half of the devices does not read at all, and the others read so much. */
  slowDown(request: { trickleBytesPerSecond: number }): Promise<void>;
  /** Lets all read as fast as they can. Returns when they have everything up to `lastSeq`, or when time is up. */
  readOn(request: { lastSeq: bigint }): Promise<readonly SlowDeviceReport[]>;
  report(request: undefined): Promise<readonly Holding[]>;
  leave(request: undefined): Promise<void>;
};

/** What became of one device from `reconnect` until it had everything. */
export type SlowDeviceReport = Readonly<{
  manner: "stopped" | "trickle" | "fast";
  /** What it lacked when it began to read as fast as it could. */
  behind: number;
  /** How its connections ended, by close code: 1006 if no close frame reached it. Empty if the first one held. */
  closeCodes: readonly number[];
  /** From then until it had everything, in milliseconds; undefined if time was up. */
  caughtUpMs: number | undefined;
}>;
