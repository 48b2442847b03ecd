import { create } from "@bufbuild/protobuf";
import { ContentSchema, type Event } from "../../gen/ts/tidewire/v1/content_pb.js";
import { encode } from "../../runtime/binary.js";
import { unreachable } from "../../runtime/error.js";
import { both, byConversation, type Committed, type Routing } from "../push/committed.js";
import type { Transaction } from "../store/store.js";

/**
 * Appends an entry of the system and returns it as it has to be published after the commit. If the event changes who is a
 * member, its seq becomes the conversation's roster_seq. It is not countable.
 *
 * The caller must have locked the conversation's row in an earlier statement of the same transaction, and itself inserts or
 * ends the memberships with the returned seq.
 * @throws TidewireError never; an Error if the conversation does not exist.
 */
export async function appendEvent(
  tx: Transaction,
  entry: { conversationId: bigint; event: Event; messageId: bigint; sentAtMs: number },
): Promise<Committed> {
  const content = encode(ContentSchema, create(ContentSchema, { body: { case: "event", value: entry.event } }));
  const { joined, left } = changesOf(entry.event);
  const changesRoster = joined.length + left.length > 0;
  const [row] = await tx<{ seq: bigint; counter: bigint; rosterSeq: bigint; routing: Routing }[]>`
    with advanced as (
      update conversation
      set head_seq = head_seq + 1,
          roster_seq = case when ${changesRoster} then head_seq + 1 else roster_seq end,
          routing = case when routing = ${both} and routing_until_ms <= ${entry.sentAtMs}::bigint
            then ${byConversation} else routing end,
          changed = pg_current_xact_id()
      where conversation_id = ${entry.conversationId}
      returning head_seq, head_counter, roster_seq, routing
    ), stored as (
      insert into message (
        conversation_id, seq, message_id, sender_id, device, client_id, counter, sent_at_ms, content
      )
      select
        ${entry.conversationId}, head_seq, ${entry.messageId}, 0, 0, 0, head_counter, ${entry.sentAtMs}::bigint, ${content}
      from advanced
    )
    select head_seq as seq, head_counter as counter, roster_seq as "rosterSeq", routing from advanced`;
  if (row === undefined) throw new Error(`no conversation ${entry.conversationId}`);
  return {
    ...row,
    conversationId: entry.conversationId,
    messageId: entry.messageId,
    senderId: 0n,
    senderDevice: 0,
    clientId: 0n,
    sentAtMs: BigInt(entry.sentAtMs),
    content,
    joinedUserIds: joined,
    leftUserIds: left,
  };
}

/** Whose membership begins or ends with an event. */
function changesOf({ kind }: Event): { joined: readonly bigint[]; left: readonly bigint[] } {
  switch (kind.case) {
    case "groupCreated":
    case "membersJoined":
      return { joined: kind.value.userIds, left: [] };
    case "memberLeft":
      return { joined: [], left: [kind.value.userId] };
    case undefined:
      return { joined: [], left: [] };
    default:
      return unreachable(kind);
  }
}
