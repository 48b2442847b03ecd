import type { Weighted } from "../figures/statistics.js";
import type { StreamJoinRequest, StretchReport } from "../generator/generator-calls.js";
import type { Holding } from "../generator/log-follower.js";
import type { Pace } from "../generator/pacemaker.js";
import type { DropKind } from "./spells.js";

/** The process of devices whose connections are dropped, for whoever forks it. */
export const lossDevicesModule = new URL("./loss-devices.js", import.meta.url);

/** @property dropEveryMs on average, for each device; undefined: never. */
export type LossRequest = Readonly<{ pace: Pace; dropEveryMs: number | undefined }>;

/** As of a stream, where `deliver` are the deliveries in which no connection had been dropped. */
export type LossReport = StretchReport &
  Readonly<{
    /** Deliveries for which sender or receiver was without its connection, or not yet well again, at some time. */
    deliverDropped: readonly Weighted[];
    recoveries: readonly Readonly<{ kind: DropKind; recoveryMs: number; atUs: number }>[];
  }>;

/** What the process does on request. */
export type LossDevicesCalls = {
  /** Logs in. Both members of every conversation are among the seats. */
  join(request: StreamJoinRequest): Promise<void>;
  /** Lets devices send, and drops their connections meanwhile. Returns when all have everything, or when time is up. */
  run(request: LossRequest): Promise<LossReport>;
  /** What lies in the devices' stores. */
  report(request: undefined): Promise<readonly Holding[]>;
  leave(request: undefined): Promise<void>;
};
