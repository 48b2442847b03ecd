/** For sorting: bigints cannot be subtracted into the number that a sort wants. */
export function compareBigints(one: bigint, other: bigint): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}
