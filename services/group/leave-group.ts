import { create } from "@bufbuild/protobuf";
import { EventSchema } from "../../gen/ts/tidewire/v1/content_pb.js";
import { Role } from "../../gen/ts/tidewire/v1/group_pb.js";
import { inTransaction, type Transaction } from "../store/store.js";
import { appendChange, type GroupDeps, setMemberCount } from "./changes.js";
import { lockGroup, readMembership, unknownConversation } from "./group-rows.js";

/**
 * Takes a user out of a group. The membership ends with the entry that says so. An owner's role passes to whoever has
 * been a member longest; the last one leaves an empty group. Who has left already changes nothing.
 * @throws TidewireError `UNKNOWN_CONVERSATION`
 */
export async function leaveGroup(
  deps: GroupDeps,
  request: { callerId: bigint; conversationId: bigint },
): Promise<void> {
  const { callerId } = request;
  const committed = await inTransaction(deps.sql, async (tx) => {
    const group = await lockGroup(tx, request.conversationId);
    const membership = await readMembership(tx, group.conversationId, callerId);
    if (membership.kind === "never") throw unknownConversation();
    if (membership.kind === "past") return [];
    const shrunk = await setMemberCount(tx, deps, group, group.memberCount - 1);
    const event = create(EventSchema, { kind: { case: "memberLeft", value: { userId: callerId } } });
    const entry = await appendChange(tx, deps, shrunk, event);
    if (membership.role === Role.OWNER) await lockOwners(tx, group.conversationId, callerId);
    await endMembership(tx, group.conversationId, callerId, entry.seq);
    if (membership.role === Role.OWNER) await passOwnership(tx, group.conversationId);
    return [entry];
  });
  await deps.publisher.publish(committed);
}

/** Locks both who is owner and who will be, by rising user, as delivered marks do: neither way can deadlock with the other. */
async function lockOwners(tx: Transaction, conversationId: bigint, ownerId: bigint): Promise<void> {
  await tx`
    select from member
    where conversation_id = ${conversationId} and to_seq is null and (user_id = ${ownerId} or user_id = (
      select user_id from member
      where conversation_id = ${conversationId} and to_seq is null and user_id <> ${ownerId}
      order by from_seq, user_id limit 1
    ))
    order by user_id
    for no key update`;
}

async function endMembership(tx: Transaction, conversationId: bigint, userId: bigint, seq: bigint): Promise<void> {
  await tx`
    update member set to_seq = ${seq}, role = ${Role.MEMBER}, changed = pg_current_xact_id()
    where conversation_id = ${conversationId} and user_id = ${userId} and to_seq is null`;
}

async function passOwnership(tx: Transaction, conversationId: bigint): Promise<void> {
  await tx`
    update member set role = ${Role.OWNER}
    where (conversation_id, user_id, from_seq) in (
      select conversation_id, user_id, from_seq from member
      where conversation_id = ${conversationId} and to_seq is null
      order by from_seq, user_id limit 1
    )`;
}
