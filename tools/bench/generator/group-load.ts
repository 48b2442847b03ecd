import { sleep, systemClock } from "../../../runtime/clock.js";
import type { Weighted } from "../figures/statistics.js";
import { type Expected, type Heard, verifyRound } from "../group/verifier.js";
import { type Busyness, watchBusyness } from "./busyness.js";
import { type Countdown, createCountdown } from "./countdown.js";
import type { Credentials, Joined, JoinRequest, PartReport, RoundRequest } from "./generator-calls.js";
import { toMachineUs } from "./machine-clock.js";
import { loginsMax, mapBounded } from "./map-bounded.js";
import { type Member, openMember, secondLookMs, type TimedFrame } from "./member.js";
import { type Acks, type Sent, textBytes } from "./workload.js";

/** Members of a group, and the rounds in which some of them send, or all. */
export interface GroupLoad extends Disposable {
  readonly members: readonly Joined[];
  /** From here on what is delivered is counted. Messages of others than these members are sent elsewhere. */
  prepareRound(request: RoundRequest): void;
  runRound(): Promise<void>;
  /** @throws Error if no round has been run since the last report. */
  reportRound(): Promise<PartReport>;
}

/** How long a round may take before what is missing counts as lost, in milliseconds. */
const roundTimeoutMs = 30_000;
/**
 * After the last delivery: until delayed acks have gone out, in milliseconds. With acks or without, so that rounds can be
 * compared; with a round before it well below the second after which the server sends again what is not acknowledged.
 */
const quietMs = 250;
const pollMs = 10;
/** What a push takes besides its text, at most, in bytes. */
const pushOverheadBytes = 156;

type Online = Readonly<{ userId: bigint; member: Member }>;

type Prepared = Readonly<{ work: Expected; pending: Countdown }>;

/** A round that nobody has looked at yet. */
type Run = Readonly<{
  work: Expected;
  startMs: number;
  outcome: "complete" | "overdue";
  busyness: Busyness;
  acks: number;
}>;

/** @throws Error with the server's reason if a member is not let in. */
export async function openGroupLoad(request: JoinRequest): Promise<GroupLoad> {
  const { port, conversationId, credentials } = request;
  const inboxBytes = request.messages * (textBytes + pushOverheadBytes);
  let prepared: Prepared | undefined;
  let run: Run | undefined;
  const open = async ({ userId, ...credential }: Credentials): Promise<Online> => {
    const delivered = (pushes: number) => prepared?.pending.count(pushes);
    const lost = (reason: string) => prepared?.pending.fail(`user ${userId} was cut off: ${reason}`);
    return { userId, member: await openMember({ ...credential, port, conversationId, inboxBytes, delivered, lost }) };
  };
  const online = await mapBounded(credentials, loginsMax, open);
  await sleep(systemClock, secondLookMs);

  return {
    members: online.map(({ userId, member }) => ({ userId, device: member.device })),
    prepareRound({ sent, firstSeq, acks }) {
      const own = bySender(sent);
      for (const { userId, member } of online) {
        member.prepare(own.get(userId));
        if (acks === "off") member.acks.hold();
      }
      const total = online.length * sent.length;
      const pending = createCountdown(total, { clock: systemClock, timeoutMs: roundTimeoutMs });
      prepared = { work: { conversationId, firstSeq, sent, acks }, pending };
    },
    async runRound() {
      if (!prepared) throw new Error("no round has been prepared");
      const { work, pending } = prepared;
      const own = bySender(work.sent);
      const senders = online.filter(({ userId }) => own.has(userId));
      const acksBefore = countAcks(online);
      const busyness = watchBusyness();
      const startMs = performance.now();
      for (const { member } of senders) member.send();
      const outcome = await pending.done;
      const used = busyness();
      if (outcome === "complete") await comeToRest(online, work.acks);
      run = { work, startMs, outcome, busyness: used, acks: countAcks(online) - acksBefore };
    },
    async reportRound() {
      if (!run) throw new Error("no round has been run");
      const { work, startMs, outcome, busyness, acks } = run;
      run = undefined;
      for (const { member } of online) member.acks.release();
      if (outcome === "complete") await letRead(online);
      return { ...report(online, work, startMs), busyness, acks };
    },
    [Symbol.dispose]() {
      for (const { member } of online) member[Symbol.dispose]();
    },
  };
}

function bySender(sent: readonly Sent[]): Map<bigint, Sent> {
  return new Map(sent.map((one) => [one.senderId, one]));
}

function countAcks(online: readonly Online[]): number {
  return online.reduce((sum, { member }) => sum + member.acks.sent, 0);
}

async function comeToRest(online: readonly Online[], acks: Acks): Promise<void> {
  await sleep(systemClock, quietMs);
  const deadlineMs = performance.now() + roundTimeoutMs;
  const isOwing = () => acks === "on" && online.some(({ member }) => member.acks.isPending);
  while (isOwing() && performance.now() < deadlineMs) await sleep(systemClock, pollMs);
  await letRead(online);
}

/**
 * Until the server has read all that was sent to it. One heartbeat tells: the kernel lists sockets in the order in which they
 * became readable, so what others sent before it is read before it. One from each would cost as much as what is measured.
 */
async function letRead([first]: readonly Online[]): Promise<void> {
  await first?.member.heartbeat();
}

/** The clock has stopped: now there is time to look at what arrived. */
function report(online: readonly Online[], work: Expected, startMs: number): Omit<PartReport, "busyness" | "acks"> {
  const own = bySender(work.sent);
  const acked: Weighted[] = [];
  const verdict = verifyRound(work, hear(online, own, acked));
  const onMachine = (observed: readonly Weighted[]) =>
    observed.map(({ value, count }) => ({ value: toMachineUs(value), count }));
  const hasSent = online.some(({ userId }) => own.has(userId));
  return {
    startUs: hasSent ? toMachineUs(startMs) : undefined,
    deliveries: onMachine(online.flatMap(({ member }) => member.deliveries())),
    acked: onMachine(acked),
    verdict,
    messages: online[0]?.member.pushMessages() ?? [],
  };
}

/** One member after the other, so that not all frames are in memory at once. */
function* hear(online: readonly Online[], sent: ReadonlyMap<bigint, Sent>, acked: Weighted[]): Generator<Heard> {
  for (const { userId, member } of online) {
    const own = sent.get(userId);
    const frames = member.frames();
    const ack = own && frames.find((timed) => settles(timed, own));
    if (ack) acked.push({ value: ack.atMs, count: 1 });
    yield { userId, own, frames: frames.map(({ frame }) => frame) };
  }
}

/** A device's own push settles its message exactly as `up_ack` does. */
function settles({ frame: { frame } }: TimedFrame, own: Sent): boolean {
  if (frame.case === "upAck") return frame.value.clientId === own.clientId && frame.value.outcome.case === "stored";
  if (frame.case !== "push" || !frame.value.message) return false;
  const { senderId, senderDevice, clientId } = frame.value.message;
  return senderId === own.senderId && senderDevice === own.device && clientId === own.clientId;
}
