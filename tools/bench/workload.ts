/** Length of a message's text, in bytes. */
export const textBytes = 100;

/** A message as it is sent: who says it, under which number, and what. */
export type Sent = Readonly<{ senderId: bigint; device: number; clientId: bigint; text: string }>;

/** A message in its place in the log. */
export type Logged = Readonly<{ seq: bigint; sent: Sent }>;

/** What a member says in a round. No two texts of a run are alike, and each is `textBytes` long. */
export function textOf(round: number, senderId: bigint): string {
  return `Round ${round}: user ${senderId} says something as long as people do. `.padEnd(
    textBytes,
    "All work and no play. ",
  );
}

/** Each member says one thing a round, so the number of the round, from 1, is the number of the message. */
export function messageOf(round: number, senderId: bigint, device: number): Sent {
  return { senderId, device, clientId: BigInt(round), text: textOf(round, senderId) };
}
