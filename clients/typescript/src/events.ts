import type { Message } from "../../../gen/ts/tidewire/v1/content_pb.js";
import type { ErrorCode } from "../../../gen/ts/tidewire/v1/error_pb.js";
import type { ServerSignal, Stored } from "../../../gen/ts/tidewire/v1/frame_pb.js";
import type { ConnectionState } from "./connection.js";
import type { Conversation } from "./conversations.js";
import type { Move } from "./outbox.js";

/** What a client tells its app, always after it has been stored. */
export type ClientEvent =
  | { kind: "connection"; connection: ConnectionState }
  /** A message was applied: it is the next one of its log. */
  | { kind: "message"; message: Message }
  /** A conversation is new, or its head, title, membership or unread count changed. */
  | { kind: "conversation"; conversation: Conversation }
  /** An own message is in the log. */
  | { kind: "stored"; clientId: bigint; stored: Stored }
  /** An own message was refused for good. */
  | { kind: "refused"; clientId: bigint; code: ErrorCode }
  /** Own messages without an outcome got other numbers, all at once. */
  | { kind: "renumbered"; moves: readonly Move[] }
  /** This device's copy of a log goes on above `floorSeq`; what is missing below can be read through the API. */
  | { kind: "reset"; conversationId: bigint; floorSeq: bigint }
  /** The server was restored: all conversations were forgotten and are being fetched anew. */
  | { kind: "started-over" }
  | { kind: "signal"; signal: ServerSignal }
  /** The server complained about something that this client said. */
  | { kind: "error"; code: ErrorCode; advice: string };
