import { create, fromBinary } from "@bufbuild/protobuf";
import { ContentSchema, type Message, MessageSchema } from "../../gen/ts/tidewire/v1/content_pb.js";
import type { Queryable } from "../store/store.js";

/** A row of the table `message`. */
export type MessageRow = Readonly<{
  conversationId: bigint;
  seq: bigint;
  messageId: bigint;
  senderId: bigint;
  senderDevice: number;
  clientId: bigint;
  counter: bigint;
  sentAtMs: bigint;
  /** An encoded Content; null if it is left out. */
  content: Uint8Array | null;
}>;

/** The columns of `message`, named as in `MessageRow`. */
export function messageColumns(sql: Queryable) {
  return sql`
    conversation_id as "conversationId", seq, message_id as "messageId", sender_id as "senderId",
    device as "senderDevice", client_id as "clientId", counter, sent_at_ms as "sentAtMs", content`;
}

/** The content was checked before it was stored, so it is decoded as it is. */
export function toMessage({ content, ...row }: MessageRow): Message {
  const message = create(MessageSchema, row);
  if (content !== null) message.content = fromBinary(ContentSchema, content);
  return message;
}
