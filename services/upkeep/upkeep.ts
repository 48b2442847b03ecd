import type { Clock } from "../../runtime/clock.js";
import type { Fabric } from "../../runtime/fabric/fabric.js";
import type { Logger } from "../../runtime/log.js";
import type { Metrics } from "../../runtime/metrics.js";
import { createDeliveredMarks } from "../conversation/delivered-marks.js";
import type { LogStore } from "../message/log-store.js";
import type { Publisher } from "../push/publish.js";
import { createSweeper } from "../push/sweeper.js";
import { type LoneTask, runAlone } from "./run-alone.js";

export type UpkeepDeps = Readonly<{
  logs: Pick<LogStore, "readRecent" | "raiseDelivered">;
  fabric: Pick<Fabric, "leases" | "marks">;
  publisher: Pick<Publisher, "publish">;
  /** Keeps the index for recent messages quick. */
  summarize: () => Promise<void>;
  /** Names this process. */
  owner: string;
  clock: Clock;
  log: Logger;
  metrics: Metrics;
}>;

/** A gateway that lacks a push learns of it by a sweep, within this and the time that fetching takes. */
const sweepEveryMs = 10_000;
const flushEveryMs = 5_000;
const summarizeEveryMs = 60_000;
/** Below the reach of a sweep, so that what a process that died has not swept, the next one does. */
const leaseMs = 30_000;

/**
 * What services do without being asked, each task in one process among all: they sweep, write delivered marks, and keep an
 * index up to date. Disposing of it writes the delivered marks that are left.
 */
export function startUpkeep(deps: UpkeepDeps): AsyncDisposable {
  const { logs, fabric, metrics, log } = deps;
  const sweeper = createSweeper(deps);
  const delivered = createDeliveredMarks({ marks: fabric.marks, logs, metrics });
  const tasks: LoneTask[] = [
    { name: "sweep", everyMs: sweepEveryMs, leaseMs, run: sweeper.sweep },
    { name: "delivered-marks", everyMs: flushEveryMs, leaseMs, run: delivered.flush },
    { name: "summarize", everyMs: summarizeEveryMs, leaseMs: 3 * summarizeEveryMs, run: deps.summarize },
  ];
  const running = tasks.map((task) => runAlone(task, { ...deps, leases: fabric.leases }));
  return {
    async [Symbol.asyncDispose]() {
      await Promise.all(running.map((task) => task[Symbol.asyncDispose]()));
      await delivered.flush(new AbortController().signal).catch((cause: unknown) => {
        log.warn({ err: cause }, "delivered marks not written; devices that acknowledge again raise them again");
      });
    },
  };
}
