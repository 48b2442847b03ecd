import type { Weighted } from "./statistics.js";

/** Counts observations by their size, in as many bytes for ten million as for ten. Values are 0 or more. */
export interface Histogram {
  record(value: number, count?: number): void;
  /** Rounded down by less than a part in 64, but for the greatest one, which is exact. */
  observations(): Weighted[];
}

/** Steps of each power of two. */
const STEPS = 64;

/** @param unit values that differ by less may count as one */
export function createHistogram(unit: number): Histogram {
  const counts = new Map<number, number>();
  let max = Number.NEGATIVE_INFINITY;
  return {
    record(value, count = 1) {
      if (count === 0) return;
      const step = toStep(value / unit);
      counts.set(step, (counts.get(step) ?? 0) + count);
      max = Math.max(max, value);
    },
    observations() {
      const observed = [...counts].map(([step, count]) => ({ value: fromStep(step) * unit, count }));
      const top = observed.reduce((highest, one) => (one.value > highest.value ? one : highest), {
        value: -1,
        count: 0,
      });
      if (top.count === 0) return [];
      top.count--;
      return [...observed, { value: max, count: 1 }];
    },
  };
}

/** The first steps are units; from there on, each power of two has as many. */
function toStep(value: number): number {
  if (value < STEPS) return Math.floor(value);
  const power = Math.floor(Math.log2(value / STEPS));
  return Math.floor(value / 2 ** power) + power * STEPS;
}

function fromStep(step: number): number {
  if (step < STEPS) return step;
  const power = Math.floor(step / STEPS) - 1;
  return (step - power * STEPS) * 2 ** power;
}
