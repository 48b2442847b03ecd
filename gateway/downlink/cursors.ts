/** Up to where one connection has acknowledged each conversation. Cumulative: the cost is per ack, not per message. */
export type Cursors = Map<bigint, bigint>;

/** Most conversations to remember for a connection. The one that was acknowledged longest ago is forgotten first. */
const CURSORS_MAX = 1_000;

/**
 * Moves a cursor forward. An ack that is behind, beyond what this gateway has delivered, or of a conversation that it
 * has not delivered from changes nothing.
 * @param headSeq the last seq delivered here, or undefined if none was.
 */
export function acknowledge(cursors: Cursors, conversationId: bigint, seq: bigint, headSeq: bigint | undefined): void {
  if (headSeq === undefined || seq > headSeq || seq <= (cursors.get(conversationId) ?? 0n)) return;
  cursors.delete(conversationId); // re-inserted at the end: a Map remembers the order of insertion
  cursors.set(conversationId, seq);
  if (cursors.size <= CURSORS_MAX) return;
  const oldest = cursors.keys().next();
  if (!oldest.done) cursors.delete(oldest.value);
}
