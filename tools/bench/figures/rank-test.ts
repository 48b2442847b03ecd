/** Up to so many values together, all ways to split them are counted; beyond, the normal distribution is near enough. */
const countedMax = 60;

/**
 * The Mann–Whitney U test: how likely it is, from 0 to 1, that two samples of the same source lie at least as far apart as these do.
 * It looks at the order of the values only, so neither an outlier nor the shape of their distribution matters.
 * @returns 1 if a sample is empty.
 */
export function rankTest(before: readonly number[], after: readonly number[]): number {
  if (before.length === 0 || after.length === 0) return 1;
  const ranks = doubledRanks([...before, ...after]);
  const few = before.length <= after.length ? ranks.slice(0, before.length) : ranks.slice(before.length);
  const split = { ranks, size: few.length, sum: sumOf(few) };
  return ranks.length <= countedMax ? countSplits(split) : approximate(split);
}

/** `size` of these ranks, which come to `sum`. */
type Split = Readonly<{ ranks: readonly number[]; size: number; sum: number }>;

/** Ranks from 1, doubled: equal values share the mean of theirs, which may end in a half. */
function doubledRanks(values: readonly number[]): number[] {
  const sorted = [...values].sort((a, b) => a - b);
  return values.map((value) => sorted.indexOf(value) + sorted.lastIndexOf(value) + 2);
}

/** What the doubled ranks of a sample come to on average. */
function meanSum({ ranks, size }: Split): number {
  return size * (ranks.length + 1);
}

/** The share of all ways to choose as many ranks whose sum is at least as far from the mean. Exact, with equal values too. */
function countSplits(split: Split): number {
  const { ranks, size, sum } = split;
  const sumMax = sumOf(ranks);
  const ways = Array.from({ length: size + 1 }, () => new Float64Array(sumMax + 1));
  ways[0]?.fill(1, 0, 1);
  for (const rank of ranks) {
    for (let chosen = size; chosen > 0; chosen--) addShifted(ways[chosen], ways[chosen - 1], rank);
  }
  const distance = Math.abs(sum - meanSum(split));
  const isAsFar = (_: number, other: number) => Math.abs(other - meanSum(split)) >= distance;
  const all = ways[size] ?? new Float64Array();
  return sumOf(all.filter(isAsFar)) / sumOf(all);
}

function addShifted(to: Float64Array | undefined, from: Float64Array | undefined, shift: number): void {
  if (!to || !from) return;
  for (let sum = to.length - 1; sum >= shift; sum--) to[sum] = (to[sum] ?? 0) + (from[sum - shift] ?? 0);
}

/** By the normal distribution, with the corrections for equal values and for continuity. */
function approximate(split: Split): number {
  const { ranks, size, sum } = split;
  const total = ranks.length;
  const variance = sumOf(ranks.map((rank) => (rank - total - 1) ** 2)) / (total - 1); // N + 1 is the mean of doubled ranks
  const deviation = Math.sqrt((variance * size * (total - size)) / total);
  if (deviation === 0) return 1;
  return tailOf(Math.max(0, Math.abs(sum - meanSum(split)) - 1) / deviation);
}

/** Of the normal distribution: the share that is at least `z` deviations away. Abramowitz and Stegun 7.1.26, off by 2e-7 at most. */
function tailOf(z: number): number {
  const x = z / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * x);
  const polynomial = [1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592].reduce(
    (value, coefficient) => (value + coefficient) * t,
    0,
  );
  return polynomial * Math.exp(-x * x);
}

function sumOf(values: Iterable<number>): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}
