import type { Invariant } from "./invariant.js";

export const sizesReturn: Invariant = {
  number: 14,
  title: "timers, maps and buffers return to their baseline, and no connection holds more than it may",
  *check({ facts }) {
    for (const { subject, what, measured, max } of facts.sizes) {
      if (measured > max) yield { what: `${subject} has ${measured} of ${what}, at most ${max} are due` };
    }
  },
};
