/** So many observations of the same value. */
export type Weighted = Readonly<{ value: number; count: number }>;

/** The tail of a distribution. */
export type Quantiles = Readonly<{ p50: number; p99: number; p999: number; max: number }>;

/** The middle of several values, and how far apart they lie. */
export type Spread = Readonly<{ median: number; min: number; max: number }>;

/**
 * The middle value, or the mean of the two in the middle.
 * @throws Error if there are no values.
 */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[sorted.length >> 1];
  const lower = sorted[(sorted.length - 1) >> 1];
  if (upper === undefined || lower === undefined) throw new Error("nothing has no median");
  return (lower + upper) / 2;
}

/** @throws Error if there are no values. */
export function toSpread(values: readonly number[]): Spread {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

/** As `median`, but undefined if a value is missing. */
export function medianIfKnown(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === values.length && known.length > 0 ? median(known) : undefined;
}

/**
 * Exact, by nearest rank: the smallest value that the given share of the observations does not exceed.
 * @throws Error if there are no observations.
 */
export function quantiles(observations: readonly Weighted[]): Quantiles {
  const sorted = observations.filter(({ count }) => count > 0).sort((a, b) => a.value - b.value);
  const total = sorted.reduce((sum, { count }) => sum + count, 0);
  const max = sorted.at(-1)?.value;
  if (max === undefined) throw new Error("nothing has no quantiles");
  const at = (share: number) => valueAtRank(sorted, Math.ceil(total * share)) ?? max;
  return { p50: at(0.5), p99: at(0.99), p999: at(0.999), max };
}

/** As `quantiles`; infinite if nothing was observed, as nothing ever came. */
export function quantilesOrInfinite(observations: readonly Weighted[]): Quantiles {
  return quantiles(observations.length > 0 ? observations : [{ value: Number.POSITIVE_INFINITY, count: 1 }]);
}

function valueAtRank(sorted: readonly Weighted[], rank: number): number | undefined {
  let passed = 0;
  for (const { value, count } of sorted) {
    passed += count;
    if (passed >= rank) return value;
  }
  return undefined;
}
