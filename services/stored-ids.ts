/** The largest value of a `bigint` column. */
const bigintMax = 0x7fff_ffff_ffff_ffffn;

/**
 * Ids are unsigned on the wire and signed in the store, which never gives out one that differs between the two. An id
 * that no row can have becomes 0, which no row has.
 */
export function toStoredId(id: bigint): bigint {
  return id > bigintMax ? 0n : id;
}

/** As `toStoredId`, for a seq that means "up to here": beyond all rows stays beyond all rows. */
export function toStoredSeq(seq: bigint): bigint {
  return seq > bigintMax ? bigintMax : seq;
}
