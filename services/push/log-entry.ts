import { create } from "@bufbuild/protobuf";
import { type LogEntry, LogEntrySchema } from "../../gen/ts/tidewire/v1/delivery_pb.js";
import { both, type Committed } from "./committed.js";
import { encodePush } from "./encode-push.js";

/** An entry as gateways get it; without users, it is delivered by conversation. */
export function toLogEntry(entry: Committed, userIds: readonly bigint[] = [], frame = encodePush(entry)): LogEntry {
  const { conversationId, seq, rosterSeq, routing, joinedUserIds = [], leftUserIds = [] } = entry;
  return create(LogEntrySchema, {
    conversationId,
    seq,
    rosterSeq,
    frame,
    userIds: [...userIds],
    joinedUserIds: [...joinedUserIds],
    leftUserIds: [...leftUserIds],
    announcesConversation: routing === both,
  });
}

/** What an entry adds to a payload, near enough, in bytes. */
export function sizeOf({ frame, userIds, joinedUserIds, leftUserIds }: LogEntry): number {
  return frame.length + 8 * (userIds.length + joinedUserIds.length + leftUserIds.length);
}
