/** Length of a message's text, in bytes. */
export const textBytes = 100;

/**
 * What members do about pushes while a round is measured: acknowledge them as the protocol asks them to, or not at all. What
 * is held back leaves as one ack once the round has been measured, for after a second the server would send all of it again.
 */
export type Acks = "on" | "off";

/** A message as it is sent: who says it, under which number, and what. */
export type Sent = Readonly<{ senderId: bigint; device: number; clientId: bigint; text: string }>;

/** A message in its place in the log. */
export type Logged = Readonly<{ seq: bigint; sent: Sent }>;

/** What a member says in a round. No two texts of a run are alike, and each is `bytes` long. */
export function textOf(round: number, senderId: bigint, bytes = textBytes): string {
  return `Round ${round}: user ${senderId} says something as long as people do. `.padEnd(
    bytes,
    "All work and no play. ",
  );
}

/** Each member says one thing a round, so the number of the round, from 1, is the number of the message. */
export function messageOf(round: number, senderId: bigint, device: number, bytes = textBytes): Sent {
  return { senderId, device, clientId: BigInt(round), text: textOf(round, senderId, bytes) };
}
