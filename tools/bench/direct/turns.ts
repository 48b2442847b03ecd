/**
 * The order in which pairs take turns: first one of each pair, in an order that is shuffled, then the other of each, in another
 * one.
 * @param random uniform in [0, 1)
 */
export function takeTurns<Seat>(pairs: readonly (readonly [Seat, Seat])[], random: () => number): Seat[] {
  return [...shuffle(pairs, random).map(([one]) => one), ...shuffle(pairs, random).map(([, other]) => other)];
}

/** Source: Fisher and Yates. */
function shuffle<Item>(items: readonly Item[], random: () => number): Item[] {
  const shuffled: Item[] = [];
  for (const item of items) {
    const place = Math.floor(random() * (shuffled.length + 1));
    shuffled.push(shuffled[place] ?? item);
    shuffled[place] = item;
  }
  return shuffled;
}
