import { sleep, systemClock } from "../../../runtime/clock.js";
import { addUpBusyness } from "../generator/busyness.js";
import type { StreamReport } from "../generator/generator-calls.js";
import type { Holding } from "../generator/log-follower.js";
import { type Pace, toPace } from "../generator/pacemaker.js";
import { textBytes } from "../generator/workload.js";
import type { ScenarioDeps } from "../scenario.js";
import { watchCpu } from "../stage/cpu.js";
import { dealOut, forkCrew } from "../stage/crew.js";
import { forkGenerators } from "../stage/generators.js";
import { joinPairs, leavePairs } from "../stage/pair-stream.js";
import type { StormOptions } from "./options.js";
import { type StormDevicesCalls, type StormReport, stormDevicesModule } from "./storm-devices-calls.js";
import { type SeenStorm, toCounters } from "./storm-result.js";
import type { Held, StormStage } from "./storm-stage.js";

/** One server, on which a storm can break as often as one likes while its pairs write to each other. */
export interface StormServer extends AsyncDisposable {
  /** Logs in the pairs, and lets each say something. */
  open(): Promise<void>;
  /** Lets live traffic flow for a while, then the storm break, and all devices leave when they have everything. */
  storm(): Promise<SeenStorm>;
  /** What went wrong so far, in words. */
  readonly problems: readonly string[];
  /** Logs out the pairs. */
  close(): Promise<Held & Readonly<{ sent: number; acked: number }>>;
}

/** How long live traffic flows before a storm, and after it, in milliseconds. */
const calmMs = 2_000;
const aftermathMs = 1_000;
/** It would flow for so long if it were not stopped, in seconds. */
const flowMaxSeconds = 300;

export function createStormServer(stage: StormStage, options: StormOptions, deps: ScenarioDeps): StormServer {
  const { server } = stage;
  const live = forkGenerators(1, stage, deps);
  const crew = forkCrew<StormDevicesCalls>(stormDevicesModule, options.generators, stage.processOptions("devices"));
  const problems: string[] = [];
  const synced: Holding[] = [];
  let sent = 0;
  let acked = 0;

  async function flow(pace: Pace): Promise<StreamReport> {
    const [report] = await live.callEach("runStream", [{ pace, keep: "times" }]);
    if (!report) throw new Error("no load generator has reported");
    sent += report.sent;
    acked += report.acked;
    problems.push(...report.problems);
    return report;
  }

  /** Returns when all devices have everything, and have left. */
  async function breakOut() {
    await sleep(systemClock, calmMs, deps.signal);
    const before = await server.readCounters();
    const used = await watchCpu(stage);
    const reports = await crew.call("run", undefined);
    const cpu = await used();
    const counters = toCounters(before, await server.readCounters());
    problems.push(...reports.flatMap((report) => report.problems));
    await crew.call("leave", undefined);
    await sleep(systemClock, aftermathMs, deps.signal);
    return { ...mergeStorms(reports), cpu, counters };
  }

  return {
    problems,
    async open() {
      await joinPairs(live, server.port, stage.pairs);
      await crew.callEach("prepare", toShares(stage, options));
      // Alone in its conversation, and delivered before the next one: the gateway may deliver the first two out of order.
      await flow(toPace(stage.pairs.length, options.messagesPerSecond));
    },
    async storm() {
      const pace = toPace(flowMaxSeconds * options.messagesPerSecond, options.messagesPerSecond);
      const stop = () => live.call("stopStream", undefined);
      const [stream, seen] = await Promise.all([flow(pace), breakOut().finally(stop)]);
      synced.push(...(await crew.call("report", undefined)).flat());
      const { timed, late, busyness } = stream;
      return { ...seen, timed, late, calmUs: pace.startUs, liveBusyness: busyness };
    },
    async close() {
      return { live: await leavePairs(live), synced, sent, acked };
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([live[Symbol.asyncDispose](), crew[Symbol.asyncDispose]()]);
    },
  };
}

function mergeStorms(reports: readonly StormReport[]) {
  return {
    devices: reports.flatMap(({ devices }) => devices),
    turnedAway: reports.reduce((sum, report) => sum + report.turnedAway, 0),
    putOff: reports.reduce((sum, report) => sum + report.putOff, 0),
    devicesBusyness: addUpBusyness(reports.map(({ busyness }) => busyness)),
  };
}

function toShares({ server, devices }: StormStage, { generators, logins, messages }: StormOptions) {
  const loginsMax = Math.floor(logins / generators);
  return dealOut(devices, generators).map((seats) => ({ port: server.port, seats, messages, textBytes, loginsMax }));
}
