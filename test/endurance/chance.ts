/** Choices that follow from one source of random numbers, so that a seed repeats them. */
export interface Chance {
  /** A whole number from `min` to `max`, both included. */
  between(min: number, max: number): number;
  /** @throws Error if there is nothing to choose from. */
  pick<Item>(items: readonly Item[]): Item;
  /** `count` different ones, or all if there are fewer. */
  sample<Item>(items: readonly Item[], count: number): Item[];
  /** True in this share of all cases. */
  happens(share: number): boolean;
}

/** @param random uniform in [0, 1) */
export function createChance(random: () => number): Chance {
  const between = (min: number, max: number) => min + Math.floor(random() * (max - min + 1));

  function sample<Item>(items: readonly Item[], count: number): Item[] {
    const left = [...items];
    const taken: Item[] = [];
    while (taken.length < count && left.length > 0) taken.push(...left.splice(between(0, left.length - 1), 1));
    return taken;
  }

  return {
    between,
    sample,
    pick(items) {
      const [item] = sample(items, 1);
      if (item === undefined) throw new Error("nothing to choose from");
      return item;
    },
    happens: (share) => random() < share,
  };
}
