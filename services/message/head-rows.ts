import { create } from "@bufbuild/protobuf";
import type { ConversationKind, Message } from "../../gen/ts/tidewire/v1/content_pb.js";
import { type Head, HeadSchema } from "../../gen/ts/tidewire/v1/frame_pb.js";

/** A larger content is left out of a preview, in bytes. */
export const previewMaxBytes = 1_024;

/** A conversation as a user sees it. */
export type HeadRow = Readonly<{
  conversationId: bigint;
  kind: ConversationKind;
  title: string;
  /** The pair of a direct conversation. */
  lowUserId: bigint | null;
  highUserId: bigint | null;
  headSeq: bigint;
  headCounter: bigint;
  readSeq: bigint;
  readCounter: bigint;
  isMember: boolean;
}>;

/** The row may carry other columns as well; they are left behind. */
export function toHead(row: HeadRow, userId: bigint, preview: Message | undefined): Head {
  const { conversationId, kind, title, headSeq, headCounter, readSeq, readCounter, isMember } = row;
  const peerUserId = (row.lowUserId === userId ? row.highUserId : row.lowUserId) ?? 0n;
  const head = { conversationId, kind, title, peerUserId, headSeq, headCounter, readSeq, readCounter, isMember };
  return create(HeadSchema, { ...head, ...(preview && { preview }) });
}
