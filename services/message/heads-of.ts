import { create } from "@bufbuild/protobuf";
import { type HeadsPage, HeadsPageSchema } from "../../gen/ts/tidewire/v1/frame_pb.js";
import type { HeadsOfRequest } from "../../gen/ts/tidewire/v1/message_pb.js";
import { toStoredId } from "../stored-ids.js";
import { toFullHead } from "./heads.js";
import type { LogStore } from "./log-store.js";

/**
 * Reads the present state of some of a user's conversations. Without a request_id, and without a watermark: this is no reading
 * of all that changed.
 */
export async function headsOf(
  logs: Pick<LogStore, "readHeadsOf">,
  { userId, conversationIds }: HeadsOfRequest,
): Promise<HeadsPage> {
  const entries = await logs.readHeadsOf(userId, conversationIds.map(toStoredId));
  return create(HeadsPageSchema, { heads: entries.map((entry) => toFullHead(entry, userId)) });
}
