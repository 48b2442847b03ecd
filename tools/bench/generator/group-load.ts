import { sleep, systemClock } from "../../../runtime/clock.js";
import { quantilesOrInfinite, type Weighted } from "../figures/statistics.js";
import { type Expected, type Heard, verifyRound } from "../group/verifier.js";
import { type Busyness, watchBusyness } from "./busyness.js";
import { type Countdown, createCountdown } from "./countdown.js";
import type { Credentials, JoinRequest, RoundReport, RoundRequest } from "./generator-calls.js";
import { toMachineUs } from "./machine-clock.js";
import { loginsMax, mapBounded } from "./map-bounded.js";
import { type Member, openMember, secondLookMs, type TimedFrame } from "./member.js";
import { type Acks, messageOf, type Sent, textBytes } from "./workload.js";

/** The group's members, and the rounds in which all of them send. */
export interface GroupLoad extends Disposable {
  runRound(request: RoundRequest): Promise<void>;
  /** @throws Error if no round has been run since the last report. */
  reportRound(): Promise<RoundReport>;
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

/** @throws Error with the server's reason if a member is not let in. */
export async function openGroupLoad({ port, conversationId, credentials }: JoinRequest): Promise<GroupLoad> {
  const size = credentials.length;
  let pending: Countdown | undefined;
  const open = async ({ userId, ...credential }: Credentials): Promise<Online> => {
    const inboxBytes = size * (textBytes + pushOverheadBytes);
    const delivered = (pushes: number) => pending?.count(pushes);
    const lost = (reason: string) => pending?.fail(`user ${userId} was cut off: ${reason}`);
    return { userId, member: await openMember({ ...credential, port, conversationId, inboxBytes, delivered, lost }) };
  };
  const online = await mapBounded(credentials, loginsMax, open);
  await sleep(systemClock, secondLookMs);
  let played: Played | undefined;

  return {
    async runRound({ round, firstSeq, acks }) {
      const sent = online.map(({ userId, member }) => messageOf(round, userId, member.device));
      online.forEach(({ member }, index) => {
        const own = sent[index];
        if (own) member.prepare(own);
        if (acks === "off") member.acks.hold();
      });
      const acksBefore = countAcks(online);
      pending = createCountdown(size * size, { clock: systemClock, timeoutMs: roundTimeoutMs });
      const busyness = watchBusyness();
      const startMs = performance.now();
      for (const { member } of online) member.send();
      const outcome = await pending.done;
      const used = busyness();
      if (outcome === "complete") await comeToRest(online, acks);
      const work = { conversationId, firstSeq, sent, acks };
      played = { work, startMs, outcome, busyness: used, acks: countAcks(online) - acksBefore };
    },
    async reportRound() {
      if (!played) throw new Error("no round has been run");
      const { work, startMs, outcome, busyness, acks } = played;
      played = undefined;
      for (const { member } of online) member.acks.release();
      if (outcome === "complete") await letRead(online);
      return { ...report(online, work, startMs), busyness, acks };
    },
    [Symbol.dispose]() {
      for (const { member } of online) member[Symbol.dispose]();
    },
  };
}

/** A round that nobody has looked at yet. */
type Played = Readonly<{
  work: Expected;
  startMs: number;
  outcome: "complete" | "overdue";
  busyness: Busyness;
  acks: number;
}>;

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
function report(online: readonly Online[], work: Expected, startMs: number): Omit<RoundReport, "busyness" | "acks"> {
  const deliveries = online.flatMap(({ member }) => member.deliveries());
  const acks: Weighted[] = [];
  const verdict = verifyRound(work, hear(online, work.sent, acks));
  const lastMs = deliveries.reduce((last, { value, count }) => (count > 0 ? Math.max(last, value) : last), startMs);
  const since = (observations: readonly Weighted[]) =>
    observations.map(({ value, count }) => ({ value: value - startMs, count }));
  return {
    totalMs: lastMs - startMs,
    deliver: quantilesOrInfinite(since(deliveries)),
    observations: since(deliveries),
    ack: quantilesOrInfinite(since(acks)),
    ackObservations: since(acks),
    verdict,
    messages: online[0]?.member.pushMessages() ?? [],
    window: { fromUs: toMachineUs(startMs), toUs: toMachineUs(lastMs) },
  };
}

/** One member after the other, so that not all frames are in memory at once. */
function* hear(online: readonly Online[], sent: readonly Sent[], acks: Weighted[]): Generator<Heard> {
  for (const [index, { member }] of online.entries()) {
    const own = sent[index];
    if (!own) continue;
    const frames = member.frames();
    const ack = frames.find((timed) => settles(timed, own));
    if (ack) acks.push({ value: ack.atMs, count: 1 });
    yield { own, frames: frames.map(({ frame }) => frame) };
  }
}

/** A device's own push settles its message exactly as `up_ack` does. */
function settles({ frame: { frame } }: TimedFrame, own: Sent): boolean {
  if (frame.case === "upAck") return frame.value.clientId === own.clientId && frame.value.outcome.case === "stored";
  if (frame.case !== "push" || !frame.value.message) return false;
  const { senderId, senderDevice, clientId } = frame.value.message;
  return senderId === own.senderId && senderDevice === own.device && clientId === own.clientId;
}
