import { decodeServerFrames } from "../../../clients/typescript/src/frames.js";
import { ErrorCode } from "../../../gen/ts/tidewire/v1/error_pb.js";
import type { HeadsPage, ServerFrame } from "../../../gen/ts/tidewire/v1/frame_pb.js";
import { systemClock } from "../../../runtime/clock.js";
import type { Seat } from "../generator/generator-calls.js";
import { type Member, openMember } from "../generator/member.js";
import { outlinePages, type PageOutline } from "./page-outline.js";
import { isPassing } from "./passing-errors.js";

/** A device that has lost its connection long ago, and now gets what it has missed. */
export interface StormDevice extends Disposable {
  leave(): void;
  /** Everything that it was told, decoded. */
  frames(): ServerFrame[];
}

export type StormDeviceOptions = Readonly<{
  port: number;
  /** What to expect, in bytes. */
  inboxBytes: number;
  /** It has everything. */
  caughtUp(atMs: number): void;
  /** A read failed for the moment; it will ask again. */
  putOff(): void;
  problem(problem: string): void;
  lost(reason: string): void;
}>;

/** After a read that failed, in milliseconds. */
const pauseMaxMs = 500;

/** What it waits for. */
type Waiting = { for: "heads" } | { for: "page"; afterSeq: bigint } | { for: "nothing" };

/**
 * Connects, logs in, asks for its heads as every device does, and then for its group's log, page by page from the begin, until there is
 * no more, which it acknowledges.
 * @throws Error with the server's reason if it is not let in.
 */
export async function openStormDevice(seat: Seat, options: StormDeviceOptions): Promise<StormDevice> {
  const { port, inboxBytes } = options;
  let waiting: Waiting = { for: "heads" };

  function told(message: Uint8Array, atMs: number) {
    if (waiting.for === "heads") for (const page of toHeadsPages(message)) readHeads(page);
    else if (waiting.for === "page") for (const page of outlinePages(message)) readPage(page, atMs);
  }

  function readHeads({ heads, error }: HeadsPage) {
    if (isPassing(error)) return pause(() => member.askHeads());
    if (heads.some(({ conversationId }) => conversationId === seat.conversationId)) ask(seat.headSeq);
    else fail(error === ErrorCode.UNSPECIFIED ? "was not told of its group" : `got the error ${ErrorCode[error]}`);
  }

  function readPage({ messages, hasMore, error, isReset }: PageOutline, atMs: number) {
    if (waiting.for !== "page") return fail("got a page that it had not asked for");
    const { afterSeq } = waiting;
    if (isPassing(error)) return pause(() => ask(afterSeq));
    if (error !== ErrorCode.UNSPECIFIED || isReset) return fail("was refused a page");
    const heldSeq = afterSeq + BigInt(messages);
    if (hasMore) ask(heldSeq);
    else finish(heldSeq, atMs);
  }

  function pause(then: () => void) {
    options.putOff();
    systemClock.after(pauseMaxMs * Math.random(), then);
  }

  function ask(afterSeq: bigint) {
    waiting = { for: "page", afterSeq };
    member.askPage(afterSeq);
  }

  function finish(seq: bigint, atMs: number) {
    waiting = { for: "nothing" };
    member.acknowledge(seq);
    options.caughtUp(atMs);
  }

  function fail(problem: string) {
    waiting = { for: "nothing" };
    options.problem(`user ${seat.userId} ${problem}`);
  }

  const { token, deviceId, conversationId } = seat;
  const listener = { told, delivered() {}, lost: options.lost };
  const member: Member = await openMember({ port, token, deviceId, conversationId, inboxBytes, ...listener });
  member.askHeads();
  return {
    leave: () => member.leave("close"),
    frames: () => member.frames().map(({ frame }) => frame),
    [Symbol.dispose]: () => member[Symbol.dispose](),
  };
}

/** Those that were asked for. */
function toHeadsPages(message: Uint8Array): HeadsPage[] {
  const pages = decodeServerFrames(message).flatMap(({ frame }) => (frame.case === "headsPage" ? [frame.value] : []));
  return pages.filter(({ requestId }) => requestId !== 0n);
}
