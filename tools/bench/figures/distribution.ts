import type { Distribution } from "../result.js";
import type { Weighted } from "./statistics.js";

/** Bars of each power of two. */
const barsPerDouble = 4;

/**
 * Observations as bars whose upper ends grow by the fourth root of two, from the smallest to the greatest that there is.
 * @param least what is smaller is in the first bar
 */
export function toDistribution(
  { name, unit, least }: { name: string; unit: string; least: number },
  observations: readonly Weighted[],
): Distribution {
  const counts = new Map<number, number>();
  for (const { value, count } of observations) {
    const bar = Math.max(0, Math.ceil(barsPerDouble * Math.log2(value / least)));
    counts.set(bar, (counts.get(bar) ?? 0) + count);
  }
  const bars = [...counts].sort(([one], [other]) => one - other);
  return { name, unit, bars: bars.map(([bar, count]) => ({ upto: least * 2 ** (bar / barsPerDouble), count })) };
}
