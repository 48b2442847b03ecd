import { ServerFrameSchema } from "../../../gen/ts/tidewire/v1/frame_pb.js";
import { decode } from "../../../runtime/binary.js";
import { systemClock } from "../../../runtime/clock.js";
import { createHistogram, type Histogram } from "../figures/histogram.js";
import { watchBusyness } from "./busyness.js";
import { type Countdown, createCountdown } from "./countdown.js";
import type { IngestJoinRequest, IngestReport, Seat } from "./generator-calls.js";
import { createLogFollower, type Holding, type LogFollower } from "./log-follower.js";
import { toMachineUs } from "./machine-clock.js";
import { loginsMax, mapBounded } from "./map-bounded.js";
import { type Member, openMember } from "./member.js";
import { problemOf } from "./problems.js";
import { messageOf } from "./workload.js";

/** Senders that have a window of messages under way each, and send another one for each that is stored. */
export interface IngestLoad extends Disposable {
  run(seconds: number): Promise<IngestReport>;
  report(): readonly Holding[];
}

/** How long after its end a round may take before what is missing counts as lost, in milliseconds. */
const patienceMs = 30_000;
/** Bytes that are expected for one sender in a round. */
const inboxBytes = 16 * 1024;
/** Latencies that differ by less count as one, in milliseconds. */
const latencyUnitMs = 0.1;
const problemsMax = 10;

type Sender = {
  readonly seat: Seat;
  readonly follower: LogFollower;
  /** When each message of the round left, from `firstId` on. */
  sentAtMs: number[];
  firstId: number;
  sent: number;
  stored: number;
  member: Member | undefined;
};

type Round = { readonly endMs: number; readonly rest: Countdown; underWay: number };

/** @throws Error with the server's reason if a sender is not let in. */
export async function openIngestLoad({ port, textBytes, seats, window }: IngestJoinRequest): Promise<IngestLoad> {
  let round: Round | undefined;

  async function open(seat: Seat): Promise<Sender & { member: Member }> {
    const { userId, token, deviceId, conversationId, headSeq } = seat;
    const follower = createLogFollower({ holder: `user ${userId}`, conversationId, headSeq, textBytes });
    const sender: Sender = { seat, follower, sentAtMs: [], firstId: 1, sent: 0, stored: 0, member: undefined };
    const delivered = (_pushes: number, lastPush: Uint8Array) => refill(sender, storedUpTo(lastPush));
    const lost = (reason: string) => round?.rest.fail(`user ${userId} was cut off: ${reason}`);
    const member = await openMember({ port, token, deviceId, conversationId, inboxBytes, delivered, lost });
    return Object.assign(sender, { member });
  }
  const senders = await mapBounded(seats, loginsMax, open);

  /** Its own push tells a sender that a message is stored, and all before it. One that comes again tells nothing new. */
  function refill(sender: Sender, stored: number) {
    if (!round || stored <= sender.stored) return;
    const count = stored - sender.stored;
    sender.stored = stored;
    round.underWay -= count;
    if (performance.now() < round.endMs) send(sender, count);
    else if (round.underWay === 0) round.rest.count(1);
  }

  function send(sender: Sender, count: number) {
    const { seat, member } = sender;
    if (!member || !round) return;
    const messages = Array.from({ length: count }, (_, index) =>
      messageOf(sender.sent + 1 + index, seat.userId, member.device, textBytes),
    );
    const nowMs = performance.now();
    for (const _ of messages) sender.sentAtMs.push(nowMs);
    sender.sent += count;
    round.underWay += count;
    member.say(messages);
  }

  return {
    async run(seconds) {
      const startMs = performance.now();
      const timeoutMs = seconds * 1_000 + patienceMs;
      const rest = createCountdown(1, { clock: systemClock, timeoutMs });
      round = { endMs: startMs + seconds * 1_000, rest, underWay: 0 };
      const sentBefore = countSent(senders);
      const busyness = watchBusyness();
      for (const sender of senders) {
        Object.assign(sender, { sentAtMs: [], firstId: sender.sent + 1 });
        send(sender, window);
      }
      await rest.done;
      const used = busyness();
      round = undefined;
      const read = readBack(senders, startMs, seconds);
      return { startUs: toMachineUs(startMs), sent: countSent(senders) - sentBefore, ...read, busyness: used };
    },
    report: () => senders.map(({ follower }) => follower.holding),
    [Symbol.dispose]() {
      for (const { member } of senders) member[Symbol.dispose]();
    },
  };
}

function countSent(senders: readonly Sender[]): number {
  return senders.reduce((sum, { sent }) => sum + sent, 0);
}

/** Nobody else sends to the conversation, so the last push is of the last message that is stored. */
function storedUpTo(lastPush: Uint8Array): number {
  const { frame } = decode(ServerFrameSchema, lastPush);
  return frame.case === "push" ? Number(frame.value.message?.clientId ?? 0n) : 0;
}

type ReadBack = Pick<IngestReport, "storedBySecond" | "acked" | "ack" | "problems">;

/** The clock has stopped: now there is time to decode and to check what arrived. */
function readBack(senders: readonly (Sender & { member: Member })[], startMs: number, seconds: number): ReadBack {
  const storedBySecond = Array<number>(seconds).fill(0);
  const ack = createHistogram(latencyUnitMs);
  const problems: string[] = [];
  let acked = 0;
  for (const sender of senders) {
    for (const atMs of followAll(sender, ack, problems)) {
      acked++;
      const second = Math.floor((atMs - startMs) / 1_000);
      if (second < seconds) storedBySecond[second] = (storedBySecond[second] ?? 0) + 1;
    }
  }
  return { storedBySecond, acked, ack: ack.observations(), problems };
}

/** Yields when each message was known to be stored. */
function* followAll(sender: Sender & { member: Member }, ack: Histogram, problems: string[]): Generator<number> {
  const { seat, follower, member, sentAtMs, firstId } = sender;
  for (const { frame, atMs } of member.takeFrames()) {
    const problem = problemOf(frame.frame);
    if (problem && problems.length < problemsMax) problems.push(`user ${seat.userId} ${problem}`);
    const message = frame.frame.case === "push" ? frame.frame.value.message : undefined;
    if (!message || follower.follow(message) !== "applied") continue;
    const sentMs = sentAtMs[Number(message.clientId) - firstId];
    if (sentMs === undefined) continue;
    ack.record(Math.max(0, atMs - sentMs));
    yield atMs;
  }
}
