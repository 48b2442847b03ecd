import { BinaryReader } from "@bufbuild/protobuf/wire";
import type { ErrorCode } from "../../../gen/ts/tidewire/v1/error_pb.js";
import { ServerFrameSchema, SyncPageSchema } from "../../../gen/ts/tidewire/v1/frame_pb.js";

/** What a device has to know of a sync page to ask for the next one. */
export type PageOutline = Readonly<{
  messages: number;
  hasMore: boolean;
  /** 0: none. */
  error: ErrorCode;
  /** True if it holds a jump to another place in the log instead of messages. */
  isReset: boolean;
}>;

const syncPageField = ServerFrameSchema.field.syncPage.number;
const { messages, hasMore, error, reset } = SyncPageSchema.field;

/**
 * The sync pages of a WebSocket message, whose messages are counted and not decoded: the clock is running.
 * @throws Error if it is not a row of whole frames.
 */
export function outlinePages(message: Uint8Array): PageOutline[] {
  const reader = new BinaryReader(message);
  const pages: PageOutline[] = [];
  while (reader.pos < reader.len) {
    const length = reader.uint32();
    const end = reader.pos + length;
    const [field] = reader.tag();
    if (field === syncPageField) pages.push(outlinePage(reader.bytes()));
    reader.pos = end;
  }
  if (reader.pos > reader.len) throw new Error("the gateway sent a frame that is cut short");
  return pages;
}

function outlinePage(page: Uint8Array): PageOutline {
  const reader = new BinaryReader(page);
  const outline = { messages: 0, hasMore: false, error: 0, isReset: false };
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === hasMore.number) outline.hasMore = reader.bool();
    else if (field === error.number) outline.error = reader.int32();
    else reader.skip(wireType, field);
    if (field === messages.number) outline.messages++;
    if (field === reset.number) outline.isReset = true;
  }
  return outline;
}
