/** The values of `conversation.routing`: how its entries are delivered. */
export type Routing = 1 | 2 | 3;

/** To each user, wherever that user's sessions are. */
export const byUser: Routing = 1;
/** To each gateway that wants the conversation. */
export const byConversation: Routing = 2;
/** By user, while gateways learn to want the conversation. */
export const both: Routing = 3;

/** An entry of a log that is committed and has to reach its members' devices. */
export type Committed = Readonly<{
  conversationId: bigint;
  seq: bigint;
  messageId: bigint;
  /** 0: the system. */
  senderId: bigint;
  /** 0: sent through the API, or by the system. */
  senderDevice: number;
  /** 0: the system. */
  clientId: bigint;
  /** In milliseconds since 1970-01-01 UTC. */
  sentAtMs: bigint;
  /** Countable messages up to and including this one. */
  counter: bigint;
  /** An encoded Content. */
  content: Uint8Array;
  /** The conversation's roster_seq when the entry was appended; more if it is published again later. */
  rosterSeq: bigint;
  routing: Routing;
  /** Users whose membership begins with this entry. */
  joinedUserIds?: readonly bigint[];
  /** Users whose membership ends with this entry. */
  leftUserIds?: readonly bigint[];
}>;
