import type { IdGenerator } from "../../runtime/ids.js";
import type { Queryable } from "../store/store.js";
import { toStoredId } from "../stored-ids.js";

/**
 * Finds the direct conversation of two users, or creates it; with oneself: the user's own, whose id is the user's id.
 * Both are members from seq 1 on. Concurrent calls agree on one conversation.
 * @returns its id, or undefined if one of the users does not exist.
 */
export async function openDirect(
  sql: Queryable,
  ids: IdGenerator,
  userId: bigint,
  peerId: bigint,
): Promise<bigint | undefined> {
  const [user, peer] = [toStoredId(userId), toStoredId(peerId)];
  if (user === peer) return openSelf(sql, user);
  const [low, high] = user < peer ? [user, peer] : [peer, user];
  const found = (await findDirect(sql, low, high)) ?? (await createDirect(sql, ids.next(), low, high));
  // Somebody else may have created it in between; a new statement sees it.
  return found ?? (await findDirect(sql, low, high));
}

/** Uses the unique index on the pair. */
async function findDirect(sql: Queryable, low: bigint, high: bigint): Promise<bigint | undefined> {
  const [row] = await sql<{ id: bigint }[]>`
    select conversation_id as id from conversation where low_user_id = ${low} and high_user_id = ${high}`;
  return row?.id;
}

/** Waits for a concurrent insert of the same pair, and then does nothing. Nothing either if a user does not exist. */
async function createDirect(sql: Queryable, id: bigint, low: bigint, high: bigint): Promise<bigint | undefined> {
  const [row] = await sql<{ id: bigint }[]>`
    with created as (
      insert into conversation (conversation_id, kind, low_user_id, high_user_id, member_count)
      select ${id}, 1, ${low}, ${high}, 2
      where (select count(*) from account where user_id in (${low}, ${high})) = 2
      on conflict (low_user_id, high_user_id) do nothing
      returning conversation_id
    ), joined as (
      insert into member (conversation_id, user_id, from_seq)
      select conversation_id, user_id, 1 from created, unnest(array[${low}::bigint, ${high}::bigint]) as user_id
    )
    select conversation_id as id from created`;
  return row?.id;
}

async function openSelf(sql: Queryable, userId: bigint): Promise<bigint | undefined> {
  const [row] = await sql<{ id: bigint }[]>`
    with known as (
      select user_id from account where user_id = ${userId}
    ), created as (
      insert into conversation (conversation_id, kind, member_count)
      select user_id, 3, 1 from known
      on conflict (conversation_id) do nothing
      returning conversation_id
    ), joined as (
      insert into member (conversation_id, user_id, from_seq)
      select conversation_id, conversation_id, 1 from created
    )
    select user_id as id from known`;
  return row?.id;
}
