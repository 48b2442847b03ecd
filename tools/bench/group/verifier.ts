import type { Message } from "../../../gen/ts/tidewire/v1/content_pb.js";
import { ErrorCode } from "../../../gen/ts/tidewire/v1/error_pb.js";
import { NackReason, type ServerFrame, type UpAck } from "../../../gen/ts/tidewire/v1/frame_pb.js";
import type { Acks, Logged, Sent } from "../generator/workload.js";

/**
 * What a round has to bring to everybody: each of `sent` once, at `firstSeq` and after it. One message of each sender. Without acks, the
 * server must not have begun to send again: that would be measured, too.
 */
export type Expected = Readonly<{ conversationId: bigint; firstSeq: bigint; sent: readonly Sent[]; acks: Acks }>;

/** All that one member was told, in the order in which it came, and the message that it sent itself, if any. */
export type Heard = Readonly<{ userId: bigint; own: Sent | undefined; frames: Iterable<ServerFrame> }>;

/** What became of a round's messages. Deliveries are counted over all members. */
export type Verdict = Readonly<{
  members: number;
  sent: number;
  /** Senders that know their message to be stored: by `up_ack` or by their own push. */
  acked: number;
  /** Messages that a member has, unaltered. */
  delivered: number;
  /** Messages that a member has not. */
  lost: number;
  /** Repetitions of a message that the member had. */
  duplicated: number;
  /** Messages that came after a later one, or have another place for this member than for others. */
  reordered: number;
  /** Messages that nobody sent like this, and acks that contradict the log. */
  altered: number;
  /** The first things that went wrong, in words. */
  problems: readonly string[];
  /** The messages by their place in the log, as the first member to hear of each saw it. */
  log: readonly Logged[];
}>;

/** Nobody reads more. */
const problemsMax = 10;

/** Compares what all members were told with what was sent. Pure. */
export function verifyRound(expected: Expected, members: Iterable<Heard>): Verdict {
  const round = createRound(expected);
  let count = 0;
  for (const member of members) {
    verifyMember(round, member);
    count++;
  }
  const { tally, problems, seqOwners, senders } = round;
  const log = [...seqOwners]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([seq, senderId]) => {
      const sent = senders.get(senderId);
      return sent ? [{ seq, sent }] : [];
    });
  return { ...tally, members: count, sent: expected.sent.length, problems, log };
}

/** One verdict on a round whose members were heard in several places: they have to agree about the log. Pure. */
export function mergeVerdicts(verdicts: readonly Verdict[]): Verdict {
  const [first, ...others] = verdicts;
  if (!first) throw new Error("a round was heard nowhere");
  const sum = (name: keyof Tally | "members") => verdicts.reduce((total, verdict) => total + verdict[name], 0);
  const disagreeing = others.filter(({ log }) => !isSameLog(log, first.log)).length;
  const problems = verdicts.flatMap((verdict) => verdict.problems);
  return {
    members: sum("members"),
    sent: first.sent,
    acked: sum("acked"),
    delivered: sum("delivered"),
    lost: sum("lost"),
    duplicated: sum("duplicated"),
    reordered: sum("reordered") + disagreeing,
    altered: sum("altered"),
    problems: disagreeing === 0 ? problems : [...problems, "some members saw another order than others"],
    log: first.log,
  };
}

function isSameLog(one: readonly Logged[], other: readonly Logged[]): boolean {
  return (
    one.length === other.length &&
    one.every(({ seq, sent }, index) => seq === other[index]?.seq && sent.senderId === other[index]?.sent.senderId)
  );
}

/** True if everybody has everything once, in one order, unaltered and acknowledged. */
export function isFlawless(verdict: Verdict): boolean {
  const { members, sent, acked, delivered, lost, duplicated, reordered, altered, problems, log } = verdict;
  const flaws = lost + duplicated + reordered + altered + problems.length;
  return flaws === 0 && acked === sent && delivered === sent * members && log.length === sent;
}

type Tally = { acked: number; delivered: number; lost: number; duplicated: number; reordered: number; altered: number };

type Round = Readonly<{
  expected: Expected;
  senders: ReadonlyMap<bigint, Sent>;
  /** Whose message has which place, as first heard of. */
  seqOwners: Map<bigint, bigint>;
  tally: Tally;
  problems: string[];
}>;

function createRound(expected: Expected): Round {
  const tally = { acked: 0, delivered: 0, lost: 0, duplicated: 0, reordered: 0, altered: 0 };
  const senders = new Map(expected.sent.map((sent) => [sent.senderId, sent]));
  return { expected, senders, seqOwners: new Map(), tally, problems: [] };
}

/** What one member has heard so far. */
type Reception = {
  userId: bigint;
  own: Sent | undefined;
  delivered: Set<bigint>;
  seqs: Set<bigint>;
  highestSeq: bigint;
  ownAcked: boolean;
};

function verifyMember(round: Round, { userId, own, frames }: Heard): void {
  const reception: Reception = { userId, own, delivered: new Set(), seqs: new Set(), highestSeq: 0n, ownAcked: false };
  for (const frame of frames) verifyFrame(round, reception, frame);
  const lost = round.senders.size - reception.delivered.size;
  round.tally.delivered += reception.delivered.size;
  round.tally.lost += lost;
  if (lost > 0) complain(round, `user ${userId} did not get ${lost} of ${round.senders.size} messages`);
  if (!own) return;
  if (reception.ownAcked) round.tally.acked++;
  else complain(round, `user ${userId} was not told that its message is stored`);
}

function verifyFrame(round: Round, reception: Reception, { frame }: ServerFrame): void {
  switch (frame.case) {
    case "push":
      if (frame.value.message) return verifyPush(round, reception, frame.value.message);
      return alter(round, `user ${reception.userId} got a push without a message`);
    case "upAck":
      return verifyUpAck(round, reception, frame.value);
    case "upNack":
      return complain(round, `user ${reception.userId} was put off: ${NackReason[frame.value.reason]}`);
    case "error":
      return complain(round, `user ${reception.userId} got the error ${ErrorCode[frame.value.code]}`);
    case "headsPage": // nobody has asked for one
      if (round.expected.acks === "on") return;
      return complain(round, `user ${reception.userId} was told that it is behind: the round took too long`);
    case "goaway":
      return complain(round, `user ${reception.userId} was sent away`);
    case undefined:
      return complain(round, `user ${reception.userId} got an empty frame`);
    default: // heartbeats and signals say nothing about this round's messages
  }
}

function verifyPush(round: Round, reception: Reception, message: Message): void {
  const { seq, senderId } = message;
  const place = `user ${reception.userId} got seq ${seq}`;
  if (!isAsSent(round, message)) return alter(round, `${place}, which nobody sent like this`);
  if (reception.delivered.has(senderId) || reception.seqs.has(seq)) {
    round.tally.duplicated++;
    return complain(round, `${place} of user ${senderId}, but had that message or that seq already`);
  }
  reception.delivered.add(senderId);
  reception.seqs.add(seq);
  verifyPlace(round, reception, message);
  if (senderId === reception.own?.senderId) reception.ownAcked = true;
}

/** In order for this member, and in the same place for everybody. */
function verifyPlace(round: Round, reception: Reception, { seq, senderId }: Message): void {
  const owner = round.seqOwners.get(seq);
  if (owner === undefined) round.seqOwners.set(seq, senderId);
  const isLate = seq < reception.highestSeq;
  if (isLate || (owner !== undefined && owner !== senderId)) {
    round.tally.reordered++;
    const place = isLate ? `after seq ${reception.highestSeq}` : `of user ${senderId}, others of user ${owner}`;
    complain(round, `user ${reception.userId} got seq ${seq} ${place}`);
  }
  if (!isLate) reception.highestSeq = seq;
}

function isAsSent({ expected, senders }: Round, message: Message): boolean {
  const sent = senders.get(message.senderId);
  const body = message.content?.body;
  return (
    sent !== undefined &&
    message.conversationId === expected.conversationId &&
    message.seq >= expected.firstSeq &&
    message.seq < expected.firstSeq + BigInt(expected.sent.length) &&
    message.senderDevice === sent.device &&
    message.clientId === sent.clientId &&
    body?.case === "text" &&
    body.value.text === sent.text
  );
}

function verifyUpAck(round: Round, reception: Reception, { clientId, outcome }: UpAck): void {
  const { userId, own } = reception;
  if (outcome.case === "refused") {
    return complain(round, `the message of user ${userId} was refused: ${ErrorCode[outcome.value]}`);
  }
  const stored = outcome.value;
  if (!own || !stored || clientId !== own.clientId || stored.conversationId !== round.expected.conversationId) {
    return alter(round, `user ${userId} got an up_ack for something that it did not send`);
  }
  const owner = round.seqOwners.get(stored.seq);
  if (owner === undefined) round.seqOwners.set(stored.seq, own.senderId);
  else if (owner !== own.senderId) {
    return alter(round, `the up_ack of user ${userId} names seq ${stored.seq}, which is user ${owner}'s`);
  }
  reception.ownAcked = true;
}

function alter(round: Round, problem: string): void {
  round.tally.altered++;
  complain(round, problem);
}

function complain(round: Round, problem: string): void {
  if (round.problems.length < problemsMax) round.problems.push(problem);
}
