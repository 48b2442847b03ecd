import { decodeServerFrames } from "../../../clients/typescript/src/frames.js";
import type { ServerFrame } from "../../../gen/ts/tidewire/v1/frame_pb.js";
import type { Seat } from "../generator/generator-calls.js";
import { type Member, openMember } from "../generator/member.js";
import { outlinePages } from "./page-outline.js";

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
  problem(problem: string): void;
  lost(reason: string): void;
}>;

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
    if (waiting.for === "heads") return readHeads(decodeServerFrames(message));
    for (const page of waiting.for === "page" ? outlinePages(message) : []) {
      if (waiting.for !== "page") return;
      if (page.isRefused) return fail("was refused a page");
      const afterSeq: bigint = waiting.afterSeq + BigInt(page.messages);
      if (page.hasMore) ask(afterSeq);
      else finish(afterSeq, atMs);
    }
  }

  function readHeads(frames: readonly ServerFrame[]) {
    const answer = frames.flatMap(({ frame }) => (frame.case === "headsPage" ? [frame.value] : [])).at(0);
    if (!answer) return;
    if (answer.heads.some(({ conversationId }) => conversationId === seat.conversationId)) ask(seat.headSeq);
    else fail("was not told of its group");
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

  const { userId: _, headSeq: __, ...login } = seat;
  const member: Member = await openMember({ ...login, port, inboxBytes, told, delivered() {}, lost: options.lost });
  member.askHeads();
  return {
    leave: () => member.leave("close"),
    frames: () => member.frames().map(({ frame }) => frame),
    [Symbol.dispose]: () => member[Symbol.dispose](),
  };
}
