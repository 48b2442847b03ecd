import { systemClock } from "../../../runtime/clock.js";
import type { StreamJoinRequest } from "../generator/generator-calls.js";
import { loginsMax, mapBounded } from "../generator/map-bounded.js";
import { until } from "../generator/until.js";
import { serveCalls } from "../stage/calls.js";
import { openSlowDevice, type SlowDevice } from "./slow-device.js";
import type { SlowDeviceReport, SlowDevicesCalls } from "./slow-devices-calls.js";

/** The devices that read slowly: a process of its own, so that what they do and do not do is no work of the generator's. */
let devices: SlowDevice[] = [];
const manners = new Map<SlowDevice, SlowDeviceReport["manner"]>();

const readyWithinMs = 30_000;
/** After a stretch, until a device has everything, in milliseconds. */
const catchUpWithinMs = 120_000;

async function untilReady(): Promise<void> {
  const areReady = await until(() => devices.every(({ isReady }) => isReady), readyWithinMs);
  if (!areReady) throw new Error("a slow device was not let in");
}

async function join({ seats, ...request }: StreamJoinRequest): Promise<void> {
  devices = await mapBounded(seats, loginsMax, (seat) => openSlowDevice(seat, { ...request, clock: systemClock }));
  await untilReady();
  const hasBegun = (device: SlowDevice, index: number) => device.seq >= (seats[index]?.headSeq ?? 0n);
  if (!(await until(() => devices.every(hasBegun), readyWithinMs))) {
    throw new Error("a slow device did not get what was said before it came");
  }
}

async function readOn(device: SlowDevice, lastSeq: bigint): Promise<SlowDeviceReport> {
  const startMs = systemClock.monotonicMs();
  const manner = manners.get(device) ?? "fast";
  manners.delete(device);
  const behind = Number(lastSeq - device.seq);
  device.read({ kind: "fast" });
  const isComplete = await until(() => device.seq >= lastSeq, catchUpWithinMs);
  const caughtUpMs = isComplete ? systemClock.monotonicMs() - startMs : undefined;
  return { manner, behind, closeCodes: device.closeCodes, caughtUpMs };
}

const calls: SlowDevicesCalls = {
  join,
  async reconnect() {
    for (const device of devices) device.reconnect();
    await untilReady();
  },
  async slowDown({ trickleBytesPerSecond }) {
    for (const [index, device] of devices.entries()) {
      const manner = index < devices.length / 2 ? "stopped" : "trickle";
      manners.set(device, manner);
      device.read(manner === "stopped" ? { kind: manner } : { kind: manner, bytesPerSecond: trickleBytesPerSecond });
    }
  },
  readOn: async ({ lastSeq }) => Promise.all(devices.map((device) => readOn(device, lastSeq))),
  report: async () => devices.map(({ holding }) => holding),
  async leave() {
    await Promise.all(devices.map((device) => device[Symbol.asyncDispose]()));
  },
};

serveCalls(calls);
