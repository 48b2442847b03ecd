import { ErrorCode } from "../../../gen/ts/tidewire/v1/error_pb.js";
import { type Clock, sleep, systemClock } from "../../../runtime/clock.js";
import { createHistogram, type Histogram } from "../figures/histogram.js";
import { watchBusyness } from "./busyness.js";
import { type Countdown, createCountdown } from "./countdown.js";
import type {
  Credentials,
  StreamedMessage,
  StreamJoinRequest,
  StreamReport,
  StreamRequest,
} from "./generator-calls.js";
import { createLogFollower, type Holding, type LogFollower } from "./log-follower.js";
import { loginsMax, mapBounded } from "./map-bounded.js";
import { type Member, openMember, type TimedFrame } from "./member.js";
import { messageOf } from "./workload.js";

/** Members of a group who take turns at sending at a steady rate, and who all read. */
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

type Device = { readonly userId: bigint; readonly follower: LogFollower; member: Member | undefined };

/** The stretch that is being run. */
type Stretch = {
  readonly firstIndex: number;
  /** When the first message was to be sent, and how much later each next one. */
  readonly startMs: number;
  readonly intervalMs: number;
  readonly latencies: Histogram;
  readonly pending: Countdown;
  readonly problems: string[];
  acked: number;
};

/** @throws Error with the server's reason if a member is not let in. */
export async function openStreamLoad(request: StreamJoinRequest): Promise<StreamLoad> {
  const { port, conversationId, headSeq, textBytes, credentials } = request;
  const turns = new Map(credentials.map(({ userId }, turn) => [userId, turn]));
  const log: StreamedMessage[] = [];
  let stretch: Stretch | undefined;
  let sent = 0;

  async function open({ userId, ...credential }: Credentials): Promise<Device & { member: Member }> {
    const follower = createLogFollower({ userId, conversationId, headSeq, textBytes });
    const device: Device = { userId, follower, member: undefined };
    const delivered = () => read(device);
    const lost = (reason: string) => stretch?.pending.fail(`user ${userId} was cut off: ${reason}`);
    const member = await openMember({ ...credential, port, conversationId, inboxBytes, delivered, lost });
    return Object.assign(device, { member });
  }
  const devices = await mapBounded(credentials, loginsMax, open);

  function read(device: Device) {
    for (const timed of device.member?.takeFrames() ?? []) readFrame(device, timed);
  }

  function readFrame({ userId, follower }: Device, { frame: { frame }, atMs }: TimedFrame) {
    const problem = problemOf(frame);
    if (problem && stretch && stretch.problems.length < problemsMax) stretch.problems.push(`user ${userId} ${problem}`);
    if (frame.case !== "push" || !frame.value.message) return;
    const { message } = frame.value;
    if (follower.follow(message) === "repeated") return;
    const { seq, senderId, senderDevice, clientId } = message;
    if (userId === devices[0]?.userId) log.push({ seq, senderId, device: senderDevice, clientId });
    if (stretch) note(stretch, { isOwn: senderId === userId, index: indexOf(senderId, clientId), atMs });
  }

  /** Members send in the order of their turns, each its first message, then each its second one. */
  function indexOf(senderId: bigint, clientId: bigint): number {
    return (Number(clientId) - 1) * devices.length + (turns.get(senderId) ?? 0);
  }

  function send(index: number) {
    const device = devices[index % devices.length];
    if (!device) return;
    read(device); // `prepare` forgets what has come
    const { userId, member } = device;
    member.prepare(messageOf(Math.floor(index / devices.length) + 1, userId, member.device, textBytes));
    member.send();
  }

  return {
    async run({ messages, messagesPerSecond }) {
      const timeoutMs = (messages / messagesPerSecond) * 1_000 + patienceMs;
      const pending = createCountdown(messages * devices.length, { clock: systemClock, timeoutMs });
      const now: Stretch = {
        firstIndex: sent,
        startMs: performance.now(),
        intervalMs: 1_000 / messagesPerSecond,
        latencies: createHistogram(latencyUnitMs),
        pending,
        problems: [],
        acked: 0,
      };
      stretch = now;
      const busyness = watchBusyness();
      const paced = sendPaced(now, messages, (index) => send(now.firstIndex + index), systemClock);
      sent += messages;
      await Promise.all([paced, pending.done]);
      stretch = undefined;
      const { latencies, acked, problems } = now;
      return { deliver: latencies.observations(), acked, busyness: busyness(), problems };
    },
    report: () => ({ holdings: devices.map(({ follower }) => follower.holding), log }),
    [Symbol.dispose]() {
      for (const { member } of devices) member[Symbol.dispose]();
    },
  };
}

function note(stretch: Stretch, { isOwn, index, atMs }: { isOwn: boolean; index: number; atMs: number }): void {
  const { firstIndex, startMs, intervalMs, latencies, pending } = stretch;
  if (index < firstIndex) return; // of an earlier stretch
  latencies.record(Math.max(0, atMs - startMs - (index - firstIndex) * intervalMs));
  if (isOwn) stretch.acked++;
  pending.count(1);
}

/** Sends each message when it is due, or as soon after that as this process can: its latency counts from when it was due. */
async function sendPaced(stretch: Stretch, messages: number, send: (index: number) => void, clock: Clock) {
  const { startMs, intervalMs } = stretch;
  for (let index = 0; index < messages; index++) {
    const aheadMs = startMs + index * intervalMs - clock.monotonicMs();
    if (aheadMs > 0) await sleep(clock, aheadMs);
    send(index);
  }
}

/** What a server says only when something is not as it should be. */
function problemOf(frame: TimedFrame["frame"]["frame"]): string | undefined {
  switch (frame.case) {
    case "upNack":
      return "was put off";
    case "upAck":
      return frame.value.outcome.case === "refused"
        ? `was refused: ${ErrorCode[frame.value.outcome.value]}`
        : undefined;
    case "error":
      return `got the error ${ErrorCode[frame.value.code]}`;
    case "goaway":
      return "was sent away";
    default:
      return undefined;
  }
}
