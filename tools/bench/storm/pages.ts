import { ErrorCode } from "../../../gen/ts/tidewire/v1/error_pb.js";
import type { ServerFrame, SyncPage } from "../../../gen/ts/tidewire/v1/frame_pb.js";
import type { Seat } from "../generator/generator-calls.js";
import { createLogFollower, type Holding } from "../generator/log-follower.js";
import { problemOf } from "../generator/problems.js";
import { isPassing } from "./passing-errors.js";

/**
 * What the pages that a device was given come to. Pure.
 * @param frames everything that the device was told, in order.
 */
export function followPages(seat: Seat, frames: readonly ServerFrame[], textBytes: number): Holding {
  const { userId, conversationId, headSeq } = seat;
  const holder = `user ${userId}`;
  const follower = createLogFollower({ holder, conversationId, headSeq, textBytes });
  const problems: string[] = [];
  for (const { frame } of frames) {
    const problem = problemOf(frame) ?? (frame.case === "syncPage" ? problemOfPage(frame.value, seat) : undefined);
    if (problem !== undefined) problems.push(`${holder} ${problem}`);
    if (frame.case === "push") problems.push(`${holder} got a push, though nobody sends anything`);
    if (frame.case === "syncPage") for (const message of frame.value.messages) follower.follow(message);
  }
  const { holding } = follower;
  return { ...holding, problems: [...problems, ...holding.problems] };
}

function problemOfPage({ error, conversationId, reset }: SyncPage, seat: Seat): string | undefined {
  if (error !== ErrorCode.UNSPECIFIED && !isPassing(error)) return `got a page with the error ${ErrorCode[error]}`;
  if (conversationId !== seat.conversationId) return `got a page of conversation ${conversationId}`;
  return reset ? "was told to skip a part of the log" : undefined;
}

const problemsMax = 10;

/** What all devices were given, and what is wrong with it, in words. */
export type SyncVerdict = Readonly<{
  synced: number;
  lost: number;
  duplicated: number;
  problems: readonly string[];
}>;

/**
 * Every device has to hold exactly `messages` messages, each of which it was given once. Pure.
 * @param holdings of each time that a device came.
 * @param visits how often devices came, all together.
 */
export function judgePages(
  holdings: readonly Holding[],
  { messages, visits }: { messages: number; visits: number },
): SyncVerdict {
  const problems = holdings.flatMap((holding) => [...holding.problems, ...incompleteness(holding, messages)]);
  if (holdings.length !== visits) problems.push(`${holdings.length} devices came, not ${visits}`);
  return {
    synced: holdings.reduce((sum, { applied }) => sum + applied, 0),
    lost: holdings.reduce((sum, { applied }) => sum + Math.max(0, messages - applied), 0),
    duplicated: holdings.reduce((sum, { repeated, misnumbered }) => sum + repeated + misnumbered, 0),
    problems: problems.slice(0, problemsMax),
  };
}

function incompleteness({ holder, applied, repeated }: Holding, messages: number): string[] {
  const told = applied === messages ? [] : [`${holder} got ${applied} of ${messages} messages`];
  return repeated === 0 ? told : [...told, `${holder} got ${repeated} messages twice`];
}
