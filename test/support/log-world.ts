import { createHash } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { type Content, ContentSchema, EventSchema } from "../../gen/ts/tidewire/v1/content_pb.js";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { type UpMsg, UpMsgSchema } from "../../gen/ts/tidewire/v1/frame_pb.js";
import { decode, encode } from "../../runtime/binary.js";
import type { AppendRow, AppendSender } from "../../services/message/append.js";
import { appendEvent } from "../../services/message/append-event.js";
import type { Committed } from "../../services/push/committed.js";
import { bigints, inTransaction, type Queryable, type Sql, type Transaction } from "../../services/store/store.js";

let lastId = 1_000_000n;
/** An id that this process has not used before. */
function nextId(): bigint {
  lastId += 1n;
  return lastId;
}

/** Creates accounts without going through the account service. */
export async function createUsers(sql: Queryable, count: number): Promise<bigint[]> {
  const userIds = Array.from({ length: count }, nextId);
  await sql`
    insert into account (user_id, name, password_hash, display_name)
    select id, 'user-' || id, 'none', 'User' from unnest(${bigints(userIds)}::bigint[]) as id`;
  return userIds;
}

export async function createUser(sql: Queryable): Promise<bigint> {
  const [userId] = await createUsers(sql, 1);
  if (userId === undefined) throw new Error("no user");
  return userId;
}

/** Adds a device, or raises its epoch, as a login does. */
export async function login(sql: Queryable, userId: bigint, device = 1): Promise<AppendSender> {
  const [row] = await sql<{ epoch: bigint }[]>`
    insert into device as known (user_id, device, device_id, epoch)
    values (${userId}, ${device}, ${`device-${device}`}, 1)
    on conflict (user_id, device) do update set epoch = known.epoch + 1
    returning epoch`;
  return { userId, device, epoch: row?.epoch ?? 0n };
}

export async function createDevice(sql: Queryable): Promise<AppendSender> {
  return login(sql, await createUser(sql));
}

/** Creates a group of which these users are members from seq 1 on. Its log is empty. */
export async function createGroup(sql: Queryable, ...userIds: bigint[]): Promise<bigint> {
  const conversationId = nextId();
  await sql`insert into conversation (conversation_id, kind, title) values (${conversationId}, 2, 'Group')`;
  await sql`
    insert into member (conversation_id, user_id, from_seq)
    select ${conversationId}, id, 1 from unnest(${bigints(userIds)}::bigint[]) as id`;
  return conversationId;
}

async function lockConversation(tx: Transaction, conversationId: bigint): Promise<void> {
  await tx`select from conversation where conversation_id = ${conversationId} for update`;
}

/** A user leaves, as the group service does it: the interval ends with the entry that says so. */
export function leave(sql: Sql, conversationId: bigint, userId: bigint): Promise<Committed> {
  return inTransaction(sql, (tx) => leaveWithin(tx, conversationId, userId));
}

export async function leaveWithin(tx: Transaction, conversationId: bigint, userId: bigint): Promise<Committed> {
  await lockConversation(tx, conversationId);
  const event = create(EventSchema, { kind: { case: "memberLeft", value: { userId } } });
  const entry = await appendEvent(tx, { conversationId, event, messageId: nextId(), sentAtMs: 1 });
  await tx`
    update member set to_seq = ${entry.seq}, changed = pg_current_xact_id()
    where conversation_id = ${conversationId} and user_id = ${userId} and to_seq is null`;
  return entry;
}

/** A user comes in: the interval begins with the entry that says so. */
export function join(sql: Sql, conversationId: bigint, userId: bigint): Promise<Committed> {
  return inTransaction(sql, async (tx) => {
    await lockConversation(tx, conversationId);
    const event = create(EventSchema, {
      kind: { case: "membersJoined", value: { userIds: [userId], byUserId: userId } },
    });
    const entry = await appendEvent(tx, { conversationId, event, messageId: nextId(), sentAtMs: 1 });
    await tx`
      insert into member (conversation_id, user_id, from_seq) values (${conversationId}, ${userId}, ${entry.seq})`;
    return entry;
  });
}

/** Content with these words. */
export function text(words: string): Content {
  return create(ContentSchema, { body: { case: "text", value: { text: words } } });
}

/** The words of a content. */
export function wordsOf(content: Uint8Array | Content | undefined): string {
  const decoded = content instanceof Uint8Array ? decode(ContentSchema, content) : content;
  return decoded?.body.case === "text" ? decoded.body.value.text : `(${decoded?.body.case})`;
}

/** A row of a batch: sender 0 says `words` under `clientId`, unless `change` says otherwise. */
export function row(
  conversationId: bigint,
  clientId: bigint,
  words: string,
  change: Partial<AppendRow> = {},
): AppendRow {
  const content = encode(ContentSchema, text(words));
  const digest = createHash("sha256").update(`${clientId} ${conversationId} ${words}`).digest();
  const rest = { refused: ErrorCode.UNSPECIFIED, countable: true, content, digest };
  return { sender: 0, clientId, conversationId, messageId: nextId(), ...rest, ...change };
}

/** The encoded `up_msg` of a device. */
export function upMsg(clientId: bigint, target: UpMsg["target"], content: Content | undefined): Uint8Array {
  return encode(UpMsgSchema, create(UpMsgSchema, { clientId, target, ...(content && { content }) }));
}

/** The log of a conversation as it is stored: the words, by rising seq. Throws on a hole. */
export async function logOf(sql: Queryable, conversationId: bigint): Promise<string[]> {
  const rows = await sql<{ seq: bigint; content: Uint8Array }[]>`
    select seq, content from message where conversation_id = ${conversationId} order by seq`;
  const [head] = await sql<{ head: bigint }[]>`
    select head_seq as head from conversation where conversation_id = ${conversationId}`;
  for (const [index, { seq }] of rows.entries()) {
    if (seq !== BigInt(index + 1)) throw new Error(`seq ${seq} stands at place ${index + 1}`);
  }
  if (head?.head !== BigInt(rows.length)) throw new Error(`head ${head?.head}, but ${rows.length} entries`);
  return rows.map((entry) => wordsOf(entry.content));
}

/** The last client_id of a device whose outcome is stored. */
export async function lastClientIdOf(sql: Queryable, { userId, device }: AppendSender): Promise<bigint> {
  const [found] = await sql<{ last: bigint }[]>`
    select last_client_id as last from device where user_id = ${userId} and device = ${device}`;
  return found?.last ?? -1n;
}
