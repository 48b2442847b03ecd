import { create } from "@bufbuild/protobuf";
import { encodeFrame } from "../../../clients/typescript/src/frames.js";
import { concat } from "../../../gateway/frames/frames.js";
import { type Ack, AckSchema, CursorSchema, ReadMarkSchema } from "../../../gen/ts/tidewire/v1/frame_pb.js";
import type { Random } from "../engine/random.js";

/** Acks and read marks of a device that is broken, or that somebody else has written. */
export interface Lies {
  readonly ack: Ack;
  /** Both, as they travel. */
  readonly frames: Uint8Array;
}

export type LiesOptions = Readonly<{
  random: Random;
  /** Of the whole world: most are none of this user's business. */
  conversationIds: readonly bigint[];
  /** What the device holds. */
  cursors: ReadonlyMap<bigint, bigint>;
}>;

/** Far beyond every log, at the edges of what others compute with. */
const absurdSeqs = [2n ** 32n, 2n ** 53n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n];

export function makeLies({ random, conversationIds, cursors }: LiesOptions): Lies {
  const anyConversation = () =>
    random.chance(0.1) ? BigInt(random.whole(1, 1_000)) : random.pick([...conversationIds, 0n]);
  const anySeq = (held: bigint) => {
    if (random.chance(0.3)) return random.pick(absurdSeqs);
    return random.chance(0.5) ? held + BigInt(random.whole(1, 30)) : BigInt(random.whole(0, Number(held)));
  };
  const lie = () => {
    const conversationId = anyConversation();
    return { conversationId, seq: anySeq(cursors.get(conversationId) ?? 0n) };
  };
  const ack = create(AckSchema, {
    cursors: Array.from({ length: random.whole(1, 4) }, () => create(CursorSchema, lie())),
  });
  const readMark = create(ReadMarkSchema, lie());
  const acked = encodeFrame({ case: "ack", value: ack });
  const read = encodeFrame({ case: "readMark", value: readMark });
  return { ack, frames: concat([acked, read]) };
}
