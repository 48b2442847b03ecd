import { create } from "@bufbuild/protobuf";
import { type Head, type HeadsPage, HeadsPageSchema } from "../../gen/ts/tidewire/v1/frame_pb.js";
import type { HeadsRequest } from "../../gen/ts/tidewire/v1/message_pb.js";
import { toHead } from "./head-rows.js";
import type { HeadEntry, LogStore } from "./log-store.js";
import { toMessage } from "./message-rows.js";

/**
 * Reads which of a user's conversations changed, the one that changed longest ago first: those whose row, or whose membership
 * row, was changed by a transaction ≥ `since`. Without a request_id.
 *
 * The watermark is the oldest transaction that was still running in the snapshot of the statement: whatever is not in this
 * page was, or will be, changed by that one or a later one. A page never ends between two changes of one transaction, nor
 * after a change that a running transaction may still precede: it rather grows, so every page gets the device on.
 */
export async function heads(
  logs: Pick<LogStore, "readHeads">,
  limits: { headsPageMax: number },
  { userId, since, ...request }: HeadsRequest,
): Promise<HeadsPage> {
  const limit = Math.min(request.limit || limits.headsPageMax, limits.headsPageMax);
  const { xmin, cut, entries } = await logs.readHeads({ userId, since, limit });
  return create(HeadsPageSchema, {
    heads: entries.map((entry, index) =>
      index < limit ? toFullHead(entry, userId) : toHead(entry, userId, undefined),
    ),
    watermark: cut === null ? xmin : cut + 1n,
    hasMore: cut !== null,
  });
}

/** With its preview. */
export function toFullHead(entry: HeadEntry, userId: bigint): Head {
  return toHead(entry, userId, entry.preview && toMessage(entry.preview));
}
