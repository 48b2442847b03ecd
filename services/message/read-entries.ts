import type { LogEntry } from "../../gen/ts/tidewire/v1/delivery_pb.js";
import type { EntriesRequest } from "../../gen/ts/tidewire/v1/message_pb.js";
import { byConversation } from "../push/committed.js";
import { sizeOf, toLogEntry } from "../push/log-entry.js";
import { membersAt } from "../push/rosters.js";
import { toStoredId, toStoredSeq } from "../stored-ids.js";
import type { LogStore } from "./log-store.js";

/** Most entries of an answer, as the contract says. */
const entriesMax = 200;
/** An answer ends with the entry that takes it over this size, in bytes. */
const answerBytes = 128 * 1024;

/**
 * Reads committed entries as publishing makes them at present: delivered by user, with all members at their seq. None after a
 * hole; nothing for a conversation that does not exist.
 */
export async function readEntries(
  logs: Pick<LogStore, "readCommitted" | "readRosters">,
  request: EntriesRequest,
): Promise<LogEntry[]> {
  const conversationId = toStoredId(request.conversationId);
  const [firstSeq, lastSeq] = [toStoredSeq(request.firstSeq), toStoredSeq(request.lastSeq)];
  const stretch = { conversationId, firstSeq, lastSeq, limit: entriesMax, maxBytes: answerBytes };
  const committed = await logs.readCommitted(stretch);
  const [first] = committed;
  if (first === undefined) return [];
  if (first.routing === byConversation) return takeWithin(committed.map((entry) => toLogEntry(entry)));
  const roster = await logs.readRosters([{ conversationId, seq: firstSeq }]);
  return takeWithin(committed.map((entry) => toLogEntry(entry, membersAt(roster, entry.seq))));
}

/** The ids of many members may weigh more than the messages. */
function takeWithin(entries: readonly LogEntry[]): LogEntry[] {
  let bytes = 0;
  return entries.filter((entry) => {
    const fits = bytes < answerBytes;
    bytes += sizeOf(entry);
    return fits;
  });
}
