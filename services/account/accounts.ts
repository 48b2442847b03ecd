import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { TidewireError } from "../../runtime/error.js";
import type { IdGenerator } from "../../runtime/ids.js";
import { bigints, type Queryable } from "../store/store.js";
import { toStoredId } from "../stored-ids.js";
import type { ExternalIdentity } from "./external-issuer.js";

/** A row of `account`, as others may see it: a `Profile` of the contract. */
export type ProfileRow = Readonly<{ userId: bigint; name: string; displayName: string; avatarUrl: string }>;

/** Creates an account with a name and a password of our own; undefined if the name is taken. */
export async function insertAccount(
  sql: Queryable,
  account: { userId: bigint; name: string; passwordHash: string; displayName: string },
): Promise<ProfileRow | undefined> {
  // The unique index on name decides between two who want it at the same time.
  const [row] = await sql<ProfileRow[]>`
    insert into account (user_id, name, password_hash, display_name)
    values (${account.userId}, ${account.name}, ${account.passwordHash}, ${account.displayName})
    on conflict (name) do nothing
    returning ${profileColumns(sql)}`;
  return row;
}

/** By exact name, with its password hash. */
export async function findCredentials(
  sql: Queryable,
  name: string,
): Promise<(ProfileRow & { passwordHash: string }) | undefined> {
  const [row] = await sql<Array<ProfileRow & { passwordHash: string }>>`
    select ${profileColumns(sql)}, password_hash as "passwordHash" from account where name = ${name}`;
  return row;
}

/** By exact name. */
export async function findByName(sql: Queryable, name: string): Promise<ProfileRow | undefined> {
  const [row] = await sql<ProfileRow[]>`select ${profileColumns(sql)} from account where name = ${name}`;
  return row;
}

/** Those that exist, in no particular order. */
export function readProfiles(sql: Queryable, userIds: readonly bigint[]): Promise<ProfileRow[]> {
  return sql<ProfileRow[]>`
    select ${profileColumns(sql)} from account where user_id = any(${bigints(userIds.map(toStoredId))}::bigint[])`;
}

/** Changes what is given and leaves the rest; undefined if there is no such account. */
export async function updateProfile(
  sql: Queryable,
  userId: bigint,
  changes: { displayName?: string | undefined; avatarUrl?: string | undefined },
): Promise<ProfileRow | undefined> {
  const [row] = await sql<ProfileRow[]>`
    update account
    set display_name = coalesce(${changes.displayName ?? null}::text, display_name),
        avatar_url = coalesce(${changes.avatarUrl ?? null}::text, avatar_url)
    where user_id = ${userId}
    returning ${profileColumns(sql)}`;
  return row;
}

/** The account of somebody from the operator's own issuer. It comes about when that user is first seen. */
export async function provisionAccount(sql: Queryable, ids: IdGenerator, identity: ExternalIdentity): Promise<bigint> {
  const { issuer, subject } = identity;
  const find = async () => {
    const [row] = await sql<Array<{ userId: bigint }>>`
      select user_id as "userId" from account where issuer = ${issuer} and subject = ${subject}`;
    return row?.userId;
  };
  const known = await find();
  if (known !== undefined) return known;
  // Of two first sights at the same time one inserts; the other finds what that one has committed.
  const [inserted] = await sql<Array<{ userId: bigint }>>`
    insert into account (user_id, issuer, subject, display_name)
    values (${ids.next()}, ${issuer}, ${subject}, ${identity.displayName})
    on conflict (issuer, subject) do nothing
    returning user_id as "userId"`;
  const userId = inserted?.userId ?? (await find());
  if (userId === undefined) throw new TidewireError(ErrorCode.UNAVAILABLE, "the account is just being removed");
  return userId;
}

/** One of `userIds` that belongs to no account; undefined if all do. */
export async function findUnknown(sql: Queryable, userIds: readonly bigint[]): Promise<bigint | undefined> {
  const rows = await sql<Array<{ userId: bigint }>>`
    select user_id as "userId" from account
    where user_id = any(${bigints(userIds.map(toStoredId))}::bigint[])`;
  const known = new Set(rows.map((row) => row.userId));
  return userIds.find((userId) => !known.has(userId));
}

function profileColumns(sql: Queryable) {
  return sql`user_id as "userId", coalesce(name, '') as name, display_name as "displayName", avatar_url as "avatarUrl"`;
}
