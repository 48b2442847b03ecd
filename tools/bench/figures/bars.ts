import type { Distribution } from "../result.js";
import type { Weighted } from "./statistics.js";

type Bar = Distribution["bars"][number];

/** Each bar is 12 % wider than the one before: equally wide on a logarithmic axis. Powers of two are ends of bars. */
const barsPerDoubling = 6;
/** Whatever is smaller counts as this: 2 ** -10, a microsecond if the unit is milliseconds. */
const lowestIndex = -10 * barsPerDoubling;

/** A plot's worth of observations. Those that are infinite, for want of an end, are left out. */
export function toDistribution(name: string, unit: string, observations: readonly Weighted[]): Distribution {
  return { name, unit, bars: toBars(observations) };
}

/** Without gaps, from the first bar in which there is something to the last one. */
function toBars(observations: readonly Weighted[]): Bar[] {
  const counts = new Map<number, number>();
  for (const { value, count } of observations) {
    if (count === 0 || !Number.isFinite(value)) continue;
    const index = indexOf(value);
    counts.set(index, (counts.get(index) ?? 0) + count);
  }
  if (counts.size === 0) return [];
  const indexes = [...counts.keys()].sort((a, b) => a - b);
  const [first = 0, last = 0] = [indexes[0], indexes.at(-1)];
  return Array.from({ length: last - first + 1 }, (_, offset) => ({
    upto: endOf(first + offset),
    count: counts.get(first + offset) ?? 0,
  }));
}

/** The lowest bar whose end is no less than `value`. */
function indexOf(value: number): number {
  if (value <= endOf(lowestIndex)) return lowestIndex;
  const index = Math.floor(Math.log2(value) * barsPerDoubling); // at or below, as ends are rounded
  return [index, index + 1].find((candidate) => value <= endOf(candidate)) ?? index + 2;
}

/** Rounded, so that JSON stays short. */
function endOf(index: number): number {
  return Number((2 ** (index / barsPerDoubling)).toPrecision(5));
}

/** The same observations in bars that each end at twice the one before, for tables. Keyed by where they end. */
export function countByDoubling(bars: readonly Bar[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const { upto, count } of bars) {
    const end = 2 ** Math.ceil(Math.log2(upto));
    counts.set(end, (counts.get(end) ?? 0) + count);
  }
  return counts;
}
