import { nodeOfId, timeOfId } from "../../../runtime/ids.js";

/** Between which times ids were minted, in milliseconds since 1970-01-01 UTC, and on which node. */
export type Minting = Readonly<{ nodeId: number; fromMs: number; toMs: number }>;

export type IdsVerdict = Readonly<{
  /** Ids that are not above the one before them: one that is minted twice is one of them. */
  outOfOrder: number;
  /** Ids of another node, or of a time at which they were not minted. */
  outOfPlace: number;
}>;

/** How many ids the layout has for a node in a millisecond: 12 bits. */
export const idsPerMs = 2 ** 12;

/** Checks that ids rise, from `previous` on, and that each says when and where it was minted. Pure. */
export function verifyIds(ids: BigUint64Array, previous: bigint, { nodeId, fromMs, toMs }: Minting): IdsVerdict {
  // A burst takes its ids from milliseconds that are still to come: as many as it needs, and no more.
  const latestMs = Math.max(toMs, timeOfId(previous)) + Math.ceil(ids.length / idsPerMs);
  let [outOfOrder, outOfPlace, last] = [0, 0, previous];
  for (const id of ids) {
    if (id <= last) outOfOrder++;
    const ms = timeOfId(id);
    if (nodeOfId(id) !== nodeId || ms < fromMs || ms > latestMs) outOfPlace++;
    last = id;
  }
  return { outOfOrder, outOfPlace };
}
