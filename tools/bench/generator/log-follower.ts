import { createHash } from "node:crypto";
import type { Message } from "../../../gen/ts/tidewire/v1/content_pb.js";
import { textOf } from "./workload.js";

/** Follows what one device is given of a log, and keeps no message. */
export interface LogFollower {
  /** `repeated`: the device had it. Only what is new and right counts as applied. */
  follow(message: Message): "applied" | "repeated" | "wrong";
  /** Up to where the device has the log. */
  readonly seq: bigint;
  readonly holding: Holding;
}

/** What one device has. */
export type Holding = Readonly<{
  userId: bigint;
  /** Messages that it has been given in their order, unaltered. */
  applied: number;
  repeated: number;
  /** Messages that were missing when a later one came. */
  lost: number;
  /** Messages that nobody sent like this. */
  altered: number;
  /** Of the seq, sender and number of every message, in order: equal if two devices have the same log. */
  digest: string;
  /** The first things that went wrong, in words. */
  problems: readonly string[];
}>;

export type LogFollowerOptions = Readonly<{
  userId: bigint;
  conversationId: bigint;
  /** Where the log ends to begin with. */
  headSeq: bigint;
  textBytes: number;
}>;

const problemsMax = 3;

export function createLogFollower(options: LogFollowerOptions): LogFollower {
  const { userId, conversationId, headSeq, textBytes } = options;
  const hash = createHash("sha256");
  const problems: string[] = [];
  const tally = { applied: 0, repeated: 0, lost: 0, altered: 0 };
  let seq = headSeq;

  function complain(problem: string) {
    if (problems.length < problemsMax) problems.push(`user ${userId} ${problem}`);
  }

  function isAsSent({ senderId, clientId, content, conversationId: place }: Message): boolean {
    const body = content?.body;
    return (
      place === conversationId &&
      body?.case === "text" &&
      body.value.text === textOf(Number(clientId), senderId, textBytes)
    );
  }

  return {
    follow(message) {
      if (message.seq <= seq) {
        tally.repeated++;
        return "repeated";
      }
      const missing = Number(message.seq - seq) - 1;
      if (missing > 0) complain(`got seq ${message.seq} after seq ${seq}`);
      tally.lost += missing;
      seq = message.seq;
      hash.update(`${message.seq} ${message.senderId} ${message.clientId}\n`);
      if (isAsSent(message)) tally.applied++;
      else {
        tally.altered++;
        complain(`got seq ${message.seq}, which nobody sent like this`);
        return "wrong";
      }
      return "applied";
    },
    get seq() {
      return seq;
    },
    get holding() {
      return { userId, ...tally, digest: hash.copy().digest("hex"), problems };
    },
  };
}
