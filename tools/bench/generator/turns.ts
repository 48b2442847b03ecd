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

/** Whose turn it is. All messages of a stream are numbered from 0; senders send in their order, each its first one, then each its second one. */
export interface Turns {
  /** Index of the sender, and the number of this message among its own, from 1. */
  of(message: number): { sender: number; clientId: number };
  /** The number of a message in the stream. */
  messageOf(senderId: bigint, clientId: bigint): number;
}

export function createTurns(senderIds: readonly bigint[]): Turns {
  const places = new Map(senderIds.map((senderId, place) => [senderId, place]));
  const size = senderIds.length;
  return {
    of: (message) => ({ sender: message % size, clientId: Math.floor(message / size) + 1 }),
    messageOf: (senderId, clientId) => (Number(clientId) - 1) * size + (places.get(senderId) ?? 0),
  };
}
