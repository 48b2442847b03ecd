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

/** What one device has of one log. */
export type Holding = Readonly<{
  /** Who has it, in words. */
  holder: string;
  conversationId: bigint;
  /** Messages that it has been given in their order, unaltered. */
  applied: number;
  repeated: number;
  /** Messages whose sender's numbers do not rise one by one: they are in the log twice, or out of order. */
  misnumbered: number;
  /** Messages that were missing when a later one came. */
  lost: number;
  /** Messages that nobody sent like this. */
  altered: number;
  /** Of the seq, sender, device and number of every message, in order: equal if two devices have the same log. */
  digest: string;
  /** The first things that went wrong, in words. */
  problems: readonly string[];
}>;

export type LogFollowerOptions = Readonly<{
  holder: string;
  conversationId: bigint;
  /** Where the log ends to begin with. */
  headSeq: bigint;
  textBytes: number;
}>;

const problemsMax = 3;

export function createLogFollower(options: LogFollowerOptions): LogFollower {
  const { holder, conversationId, headSeq, textBytes } = options;
  const hash = createHash("sha256");
  const problems: string[] = [];
  const tally = { applied: 0, repeated: 0, misnumbered: 0, lost: 0, altered: 0 };
  /** By sender. */
  const clientIds = new Map<bigint, bigint>();
  let seq = headSeq;

  function complain(problem: string) {
    if (problems.length < problemsMax) problems.push(`${holder} ${problem}`);
  }

  function isAsSent({ senderId, clientId, content, conversationId: place }: Message): boolean {
    const body = content?.body;
    return (
      place === conversationId &&
      body?.case === "text" &&
      body.value.text === textOf(Number(clientId), senderId, textBytes)
    );
  }

  /** A hole in the log may hold what is missing between two numbers. */
  function checkNumber({ seq: place, senderId, clientId }: Message, missing: number) {
    const last = clientIds.get(senderId);
    clientIds.set(senderId, clientId);
    if (last === undefined || clientId === last + 1n || (missing > 0 && clientId > last)) return;
    tally.misnumbered++;
    complain(`got message ${clientId} of user ${senderId} after its message ${last}, at seq ${place}`);
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
      hash.update(`${message.seq} ${message.senderId} ${message.senderDevice} ${message.clientId}\n`);
      checkNumber(message, missing);
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
      return { holder, conversationId, ...tally, digest: hash.copy().digest("hex"), problems };
    },
  };
}
