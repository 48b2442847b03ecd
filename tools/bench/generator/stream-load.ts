import { systemClock } from "../../../runtime/clock.js";
import { createHistogram, type Histogram } from "../figures/histogram.js";
import { watchBusyness } from "./busyness.js";
import { type Countdown, createCountdown } from "./countdown.js";
import type { Seat, StreamedMessage, StreamJoinRequest, StreamReport, StreamRequest } from "./generator-calls.js";
import { createLogFollower, type Holding, type LogFollower } from "./log-follower.js";
import { fromMachineUs, machineUs } from "./machine-clock.js";
import { loginsMax, mapBounded } from "./map-bounded.js";
import { type Member, openMember, type TimedFrame } from "./member.js";
import { keepPace, type Pace, type Paced } from "./pacemaker.js";
import { problemOf } from "./problems.js";
import { createLatencies, type Latencies } from "./timed-latencies.js";
import { createTurns } from "./turns.js";
import { messageOf } from "./workload.js";

/** Members of conversations who take turns at sending at a steady rate, and who all read. */
export interface StreamLoad extends Disposable {
  run(request: StreamRequest): Promise<StreamReport>;
  /** Lets what is running send nothing more. */
  stop(): void;
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
  readonly pace: Pace;
  /** When the first message was to be sent, on this process's own clock. */
  readonly startMs: number;
  readonly deliver: Latencies;
  readonly ack: Latencies;
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
  let paced: Paced | undefined;
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
    const index = turns.messageOf(senderId, clientId);
    if (!stretch || index < stretch.firstIndex) return;
    if (senderId !== seat.userId) stretch.deliver.record(...toLatency(stretch, index, atMs));
    stretch.pending.count(1);
  }

  /** By `up_ack` or by its own push, whichever comes first. */
  function noteStored(device: Device, clientId: bigint, atMs: number) {
    if (clientId <= device.stored) return;
    device.stored = clientId;
    const index = turns.messageOf(device.seat.userId, clientId);
    if (!stretch || index < stretch.firstIndex) return;
    stretch.ack.record(...toLatency(stretch, index, atMs));
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

  /** Nothing more is sent: what has been is all that is waited for. */
  function finish({ firstIndex, pace, pending }: Stretch, steps: number): number {
    sent = firstIndex + steps;
    pending.limit(patienceMs);
    pending.count(countDeliveries(sent, pace.steps - steps));
    return steps;
  }

  return {
    async run({ pace, keep = "sizes" }) {
      const timeoutMs = (pace.steps * pace.intervalUs) / 1_000 + patienceMs;
      const pending = createCountdown(countDeliveries(sent, pace.steps), { clock: systemClock, timeoutMs });
      const now: Stretch = {
        firstIndex: sent,
        pace,
        startMs: fromMachineUs(pace.startUs),
        deliver: createLatencies(latencyUnitMs, keep),
        ack: createLatencies(latencyUnitMs, keep),
        late: createHistogram(latencyUnitMs),
        pending,
        problems: [],
        acked: 0,
      };
      stretch = now;
      const busyness = watchBusyness();
      paced = keepPace(pace, (step, dueUs) => {
        now.late.record((machineUs() - dueUs) / 1_000);
        send(now.firstIndex + step);
      });
      const [steps] = await Promise.all([paced.done.then((taken) => finish(now, taken)), pending.done]);
      stretch = undefined;
      const { deliver, ack, late, acked, problems } = now;
      return {
        sent: steps,
        deliver: deliver.observations(),
        ack: ack.observations(),
        late: late.observations(),
        timed: { deliver: deliver.timed(), ack: ack.timed() },
        acked,
        busyness: busyness(),
        problems,
      };
    },
    stop: () => paced?.stop(),
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

/** When a message was to be sent, and how long it took since then. */
function toLatency({ firstIndex, pace, startMs }: Stretch, index: number, atMs: number): [dueUs: number, ms: number] {
  const sinceStartUs = (index - firstIndex) * pace.intervalUs;
  return [pace.startUs + sinceStartUs, Math.max(0, atMs - startMs - sinceStartUs / 1_000)];
}
