import type { ReadMark } from "../../gen/ts/tidewire/v1/frame_pb.js";
import type { GatewayContext } from "../context.js";

/** Read marks of one connection on their way to the store: one call at a time, with the latest mark of each conversation. */
export interface ReadMarks {
  add(userId: bigint, mark: ReadMark): void;
}

/** Most conversations that wait. More is dropped: a device repeats a mark until it sees it in a heads page. */
const WAITING_MAX = 500;

export function createReadMarks(context: GatewayContext): ReadMarks {
  const waiting = new Map<bigint, bigint>();
  let calling = false;

  async function store(userId: bigint) {
    calling = true;
    while (waiting.size > 0) {
      const cursors = [...waiting].map(([conversationId, seq]) => ({ conversationId, seq }));
      waiting.clear();
      try {
        await context.conversations.markRead({ userId, cursors }, context.call());
      } catch (error) {
        context.log.warn({ err: error, userId }, "read marks were not stored; the device repeats them");
      }
    }
    calling = false;
  }

  return {
    add(userId, { conversationId, seq }) {
      const waits = waiting.get(conversationId);
      if (waits === undefined && waiting.size >= WAITING_MAX) return;
      if (waits === undefined || waits < seq) waiting.set(conversationId, seq);
      if (!calling) void store(userId);
    },
  };
}
