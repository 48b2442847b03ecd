import type { Message } from "../../../gen/ts/tidewire/v1/content_pb.js";
import { systemClock } from "../../../runtime/clock.js";
import { createHistogram } from "../figures/histogram.js";
import { watchBusyness } from "../generator/busyness.js";
import type { Seat, StreamJoinRequest } from "../generator/generator-calls.js";
import type { Holding } from "../generator/log-follower.js";
import { fromMachineUs, machineUs, toMachineUs } from "../generator/machine-clock.js";
import { loginsMax, mapBounded } from "../generator/map-bounded.js";
import { keepPace, type Pace } from "../generator/pacemaker.js";
import { createTurns } from "../generator/turns.js";
import { until } from "../generator/until.js";
import { type LossDevice, openLossDevice } from "./loss-device.js";
import type { LossReport, LossRequest } from "./loss-devices-calls.js";
import type { Recovery } from "./spells.js";

/** Pairs of devices that take turns at sending while their connections are dropped. */
export interface LossLoad extends AsyncDisposable {
  run(request: LossRequest): Promise<LossReport>;
  report(): Promise<Holding[]>;
}

const readyWithinMs = 30_000;
/** After its end, until everybody has everything, in milliseconds. */
const patienceMs = 120_000;
/** Latencies that differ by less count as one, in milliseconds. */
const latencyUnitMs = 0.05;
const problemsMax = 10;

/** @throws Error if a device is not let in. */
export async function openLossLoad({ port, textBytes, seats }: StreamJoinRequest): Promise<LossLoad> {
  const turns = createTurns(seats.map(({ userId }) => userId));
  const heads = new Map(seats.map(({ conversationId, headSeq }) => [conversationId, headSeq]));
  const bySender = new Map<bigint, LossDevice>();
  const problems: string[] = [];
  let stretch: Stretch | undefined;
  let sent = 0;

  function complain(problem: string) {
    if (problems.length < problemsMax) problems.push(problem);
  }

  async function open(seat: Seat): Promise<LossDevice> {
    const { userId, conversationId } = seat;
    const device = await openLossDevice(seat, {
      port,
      textBytes,
      listener: {
        message: (message, atMs) => noteDelivery(device, message, atMs),
        stored: (clientId, atMs) => stretch?.noteStored(turns.messageOf(userId, clientId), atMs),
        recovered: (recovery) => stretch?.recoveries.push(recovery),
        problem: (problem) => complain(`user ${userId} ${problem}`),
        headSeq: () => heads.get(conversationId) ?? 0n,
      },
    });
    bySender.set(userId, device);
    if (!(await until(() => device.isReady, readyWithinMs))) throw new Error(`user ${userId} was not let in`);
    return device;
  }

  function noteDelivery(device: LossDevice, { conversationId, seq, senderId, clientId }: Message, atMs: number) {
    if (seq > (heads.get(conversationId) ?? 0n)) heads.set(conversationId, seq);
    const sender = bySender.get(senderId);
    if (senderId === device.seat.userId || !sender) return;
    stretch?.noteDelivery(turns.messageOf(senderId, clientId), atMs, [device, sender]);
  }
  const devices = await mapBounded(seats, loginsMax, open);

  /** Every connection that stands, after a time that chance takes. Returns what ends it. */
  function dropNowAndThen(meanMs: number): Disposable {
    const timers = new Map<LossDevice, Disposable>();
    const plan = (device: LossDevice) => {
      const afterMs = -Math.log(1 - Math.random()) * meanMs;
      const drop = () => {
        device.drop();
        plan(device);
      };
      timers.set(device, systemClock.after(afterMs, drop));
    };
    for (const device of devices) plan(device);
    return {
      [Symbol.dispose]() {
        for (const timer of timers.values()) timer[Symbol.dispose]();
      },
    };
  }

  function haveAll(): boolean {
    const own = new Map(devices.map((device, place) => [device, countTurns(sent, place, devices.length)]));
    return devices.every((device) => {
      const isWell = device.isReady && !device.spells.isUnwell;
      const head = heads.get(device.seat.conversationId) ?? 0n;
      return isWell && device.progress.seq === head && device.progress.stored === BigInt(own.get(device) ?? 0);
    });
  }

  return {
    async run({ pace, dropEveryMs }) {
      const now = createStretch(pace, sent);
      stretch = now;
      sent += pace.steps;
      const busyness = watchBusyness();
      const dropping = dropEveryMs === undefined ? undefined : dropNowAndThen(dropEveryMs);
      await keepPace(pace, (step, dueUs) => {
        now.late.record((machineUs() - dueUs) / 1_000);
        const { sender, clientId } = turns.of(now.firstMessage + step);
        devices[sender]?.say(clientId);
      }).done;
      dropping?.[Symbol.dispose]();
      if (!(await until(haveAll, patienceMs))) complain("a device never got everything, or never was well again");
      stretch = undefined;
      return { ...now.report(), busyness: busyness(), problems };
    },
    report: () => Promise.all(devices.map((device) => device.readStore())),
    async [Symbol.asyncDispose]() {
      await Promise.all(devices.map((device) => device[Symbol.asyncDispose]()));
    },
  };
}

/** How many of the first `messages` are those of the sender with this place. */
function countTurns(messages: number, place: number, senders: number): number {
  return Math.max(0, Math.ceil((messages - place) / senders));
}

type Stretch = ReturnType<typeof createStretch>;

/** Gathers what is measured while messages are sent, from the one with the number `firstMessage` on. */
function createStretch(pace: Pace, firstMessage: number) {
  const startMs = fromMachineUs(pace.startUs);
  const deliver = createHistogram(latencyUnitMs);
  const deliverDropped = createHistogram(latencyUnitMs);
  const ack = createHistogram(latencyUnitMs);
  const late = createHistogram(latencyUnitMs);
  const recoveries: Recovery[] = [];
  let acked = 0;
  const dueMs = (message: number) => startMs + ((message - firstMessage) * pace.intervalUs) / 1_000;
  return {
    firstMessage,
    late,
    recoveries,
    noteStored(message: number, atMs: number) {
      acked++;
      ack.record(Math.max(0, atMs - dueMs(message)));
    },
    noteDelivery(message: number, atMs: number, concerned: readonly LossDevice[]) {
      const wasDropped = concerned.some(({ spells }) => spells.wasUnwellSince(dueMs(message)));
      (wasDropped ? deliverDropped : deliver).record(Math.max(0, atMs - dueMs(message)));
    },
    report: () => ({
      deliver: deliver.observations(),
      deliverDropped: deliverDropped.observations(),
      ack: ack.observations(),
      late: late.observations(),
      acked,
      recoveries: recoveries.map(({ kind, recoveryMs, droppedMs }) => ({
        kind,
        recoveryMs,
        atUs: toMachineUs(droppedMs),
      })),
    }),
  };
}
