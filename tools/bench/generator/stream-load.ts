import { systemClock } from "../../../runtime/clock.js";
import { createHistogram, type Histogram } from "../figures/histogram.js";
import { watchBusyness } from "./busyness.js";
import { type Countdown, createCountdown } from "./countdown.js";
import type { Seat, StreamedMessage, StreamJoinRequest, StreamReport, StreamRequest } from "./generator-calls.js";
import { createLogFollower, type Holding, type LogFollower } from "./log-follower.js";
import { fromMachineUs, machineUs } from "./machine-clock.js";
import { loginsMax, mapBounded } from "./map-bounded.js";
import { type Member, openMember, type TimedFrame } from "./member.js";
import { keepPace } from "./pacemaker.js";
import { problemOf } from "./problems.js";
import { createTurns } from "./turns.js";
import { messageOf } from "./workload.js";

/** Members of conversations who take turns at sending at a steady rate, and who all read. */
export interface StreamLoad extends Disposable {
  run(request: StreamRequest): Promise<StreamReport>;
  report(): { holdings: readonly Holding[]; log: readonly StreamedMessage[] };
}

/** How long after its end a stretch may take before what is missing counts as lost, in milliseconds. */
const patienceMs = 30_000;
/** Bytes that may come for one member before they are read. */
const inboxBytes = 64 * 1024;
/** Latencies that differ by less count as one, in milliseconds. */
const latencyUnitMs = 0.01;
const problemsMax = 10;

type Device = {
  readonly seat: Seat;
  readonly follower: LogFollower;
  member: Member | undefined;
  /** The last of its messages that it knows to be stored. */
  stored: bigint;
};

/** The stretch that is being run. */
type Stretch = {
  readonly firstIndex: number;
  /** When the first message was to be sent, and how much later each next one. */
  readonly startMs: number;
  readonly intervalMs: number;
  readonly deliver: Histogram;
  readonly ack: Histogram;
  readonly late: Histogram;
  readonly pending: Countdown;
  readonly problems: string[];
  acked: number;
};

/** @throws Error with the server's reason if a member is not let in. */
export async function openStreamLoad({ port, textBytes, seats }: StreamJoinRequest): Promise<StreamLoad> {
  const turns = createTurns(seats.map(({ userId }) => userId));
  const readers = countReaders(seats);
  const log: StreamedMessage[] = [];
  let stretch: Stretch | undefined;
  let sent = 0;

  async function open(seat: Seat): Promise<Device & { member: Member }> {
    const { userId, token, deviceId, conversationId, headSeq } = seat;
    const follower = createLogFollower({ holder: `user ${userId}`, conversationId, headSeq, textBytes });
    const device: Device = { seat, follower, member: undefined, stored: 0n };
    const delivered = () => read(device);
    const lost = (reason: string) => stretch?.pending.fail(`user ${userId} was cut off: ${reason}`);
    const member = await openMember({ port, token, deviceId, conversationId, inboxBytes, delivered, lost });
    return Object.assign(device, { member });
  }
  const devices = await mapBounded(seats, loginsMax, open);

  function read(device: Device) {
    for (const timed of device.member?.takeFrames() ?? []) readFrame(device, timed);
  }

  function readFrame(device: Device, { frame: { frame }, atMs }: TimedFrame) {
    const { seat, follower } = device;
    const problem = problemOf(frame);
    if (problem && stretch && stretch.problems.length < problemsMax)
      stretch.problems.push(`user ${seat.userId} ${problem}`);
    if (frame.case === "upAck" && frame.value.outcome.case === "stored") noteStored(device, frame.value.clientId, atMs);
    if (frame.case !== "push" || !frame.value.message) return;
    const { message } = frame.value;
    const { seq, senderId, senderDevice, clientId } = message;
    if (senderId === seat.userId) noteStored(device, clientId, atMs);
    if (follower.follow(message) === "repeated") return;
    if (device === devices[0]) log.push({ seq, senderId, device: senderDevice, clientId });
    const sinceMs = stretch && waited(stretch, turns.messageOf(senderId, clientId), atMs);
    if (!stretch || sinceMs === undefined) return;
    if (senderId !== seat.userId) stretch.deliver.record(sinceMs);
    stretch.pending.count(1);
  }

  /** By `up_ack` or by its own push, whichever comes first. */
  function noteStored(device: Device, clientId: bigint, atMs: number) {
    if (clientId <= device.stored) return;
    device.stored = clientId;
    const sinceMs = stretch && waited(stretch, turns.messageOf(device.seat.userId, clientId), atMs);
    if (!stretch || sinceMs === undefined) return;
    stretch.ack.record(sinceMs);
    stretch.acked++;
  }

  function send(message: number) {
    const { sender, clientId } = turns.of(message);
    const device = devices[sender];
    if (!device?.member) return;
    read(device); // `prepare` forgets what has come
    const { seat, member } = device;
    member.prepare(messageOf(clientId, seat.userId, member.device, textBytes));
    member.send();
  }

  function countDeliveries(firstIndex: number, messages: number): number {
    let deliveries = 0;
    for (let index = firstIndex; index < firstIndex + messages; index++)
      deliveries += readers.get(seats[turns.of(index).sender]?.conversationId ?? 0n) ?? 0;
    return deliveries;
  }

  return {
    async run({ pace }) {
      const timeoutMs = (pace.steps * pace.intervalUs) / 1_000 + patienceMs;
      const pending = createCountdown(countDeliveries(sent, pace.steps), { clock: systemClock, timeoutMs });
      const now: Stretch = {
        firstIndex: sent,
        startMs: fromMachineUs(pace.startUs),
        intervalMs: pace.intervalUs / 1_000,
        deliver: createHistogram(latencyUnitMs),
        ack: createHistogram(latencyUnitMs),
        late: createHistogram(latencyUnitMs),
        pending,
        problems: [],
        acked: 0,
      };
      stretch = now;
      sent += pace.steps;
      const busyness = watchBusyness();
      const paced = keepPace(pace, (step, dueUs) => {
        now.late.record((machineUs() - dueUs) / 1_000);
        send(now.firstIndex + step);
      });
      await Promise.all([paced, pending.done]);
      stretch = undefined;
      const { deliver, ack, late, acked, problems } = now;
      return {
        deliver: deliver.observations(),
        ack: ack.observations(),
        late: late.observations(),
        acked,
        busyness: busyness(),
        problems,
      };
    },
    report: () => ({ holdings: devices.map(({ follower }) => follower.holding), log }),
    [Symbol.dispose]() {
      for (const { member } of devices) member[Symbol.dispose]();
    },
  };
}

/** Members that read a conversation, by its id. */
function countReaders(seats: readonly Seat[]): Map<bigint, number> {
  const readers = new Map<bigint, number>();
  for (const { conversationId } of seats) readers.set(conversationId, (readers.get(conversationId) ?? 0) + 1);
  return readers;
}

/** Since a message was to be sent, in milliseconds; undefined if it belongs to an earlier stretch. */
function waited({ firstIndex, startMs, intervalMs }: Stretch, index: number, atMs: number): number | undefined {
  return index < firstIndex ? undefined : Math.max(0, atMs - startMs - (index - firstIndex) * intervalMs);
}
