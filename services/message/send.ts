import { createHash } from "node:crypto";
import { ContentSchema } from "../../gen/ts/tidewire/v1/content_pb.js";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { errorMeanings } from "../../gen/ts/tidewire/v1/errors.js";
import type { SendRequest } from "../../gen/ts/tidewire/v1/message_pb.js";
import { encode } from "../../runtime/binary.js";
import { TidewireError } from "../../runtime/error.js";
import { inTransaction, type Sql, type Transaction } from "../store/store.js";
import { type AppendOutcome, type AppendRow, append, type Placed } from "./append.js";
import { findConversation, type SubmitDependencies } from "./submit-batch.js";
import { type CheckedContent, findFault, isCountable, type Target, targetOf } from "./up-msg.js";

/** The device number through which a user sends without a device. */
const apiDevice = 0;

/** The key and its message are stored in one transaction, so this needs the database itself. */
export type SendDependencies = SubmitDependencies & Readonly<{ sql: Sql }>;

/**
 * Stores a message that comes without a socket, and publishes it. Repeating it with the same key has no further effect and
 * the same answer, refusals of the store included.
 * @throws TidewireError `INVALID_ARGUMENT`, `CONTENT_TOO_LARGE`, `UNKNOWN_USER`, which use up no key; `UNKNOWN_CONVERSATION`,
 * `NOT_A_MEMBER`; `CONFLICT` if the key was used for something else; `UNAVAILABLE`: repeat it unchanged.
 */
export async function send(dependencies: SendDependencies, userId: bigint, request: SendRequest): Promise<Placed> {
  const key = parseKey(request.idempotencyKey);
  const target = targetOf(request.target);
  if (target.kind === "none") throw invalid("conversation_id or peer_user_id: one is needed");
  const content = parseContent(request, dependencies.contentMaxBytes);
  const conversationId = await findConversation(dependencies.directory, userId, target);
  if (conversationId === undefined) throw refusal(ErrorCode.UNKNOWN_USER);
  const digest = digestOf(target, content.bytes);
  const message = {
    sender: 0,
    conversationId,
    messageId: dependencies.ids.next(),
    refused: ErrorCode.UNSPECIFIED,
    countable: content.countable,
    content: content.bytes,
    digest,
  };
  const { outcome, clientId } = await inTransaction(dependencies.sql, (tx) =>
    appendOnce(tx, { userId, key, digest, message, nowMs: dependencies.clock.nowMs() }),
  );
  if (outcome.kind === "refused") throw refusal(outcome.code);
  if (outcome.kind === "rejected") throw new Error("the API's own client_id was rejected, though its device is locked");
  const origin = { senderId: userId, senderDevice: apiDevice, clientId, content: content.bytes };
  await dependencies.publisher.publish([{ ...outcome.placed, ...origin }]);
  return outcome.placed;
}

type Sending = Readonly<{
  userId: bigint;
  key: string;
  digest: Uint8Array;
  message: Omit<AppendRow, "clientId">;
  nowMs: number;
}>;

/** Gives a key its client_id under the lock of the user's API device; the append then treats a repetition as any other. */
async function appendOnce(tx: Transaction, sending: Sending): Promise<{ outcome: AppendOutcome; clientId: bigint }> {
  const { userId, key, digest, message, nowMs } = sending;
  const { epoch, lastClientId } = await lockApiDevice(tx, userId);
  const earlier = await findEarlier(tx, userId, key);
  if (earlier !== undefined && !earlier.digest.equals(digest)) throw refusal(ErrorCode.CONFLICT);
  const clientId = earlier?.clientId ?? lastClientId + 1n;
  if (earlier === undefined) {
    await tx`
      insert into idempotency (user_id, key, digest, client_id)
      values (${userId}, ${key}, ${digest}, ${clientId})`;
  }
  const senders = [{ userId, device: apiDevice, epoch }];
  const [outcome] = await append(tx, { senders, rows: [{ ...message, clientId }], nowMs });
  if (outcome === undefined) throw new Error("tidewire_append returned nothing");
  return { outcome, clientId };
}

/** The device row is made by the first send. Its device_id is empty, which no device's is. */
async function lockApiDevice(tx: Transaction, userId: bigint): Promise<{ epoch: bigint; lastClientId: bigint }> {
  const lock = () => tx<{ epoch: bigint; lastClientId: bigint }[]>`
    select epoch, last_client_id as "lastClientId" from device
    where user_id = ${userId} and device = ${apiDevice}
    for no key update`;
  const [present] = await lock();
  if (present !== undefined) return present;
  await tx`
    insert into device (user_id, device, device_id) values (${userId}, ${apiDevice}, '')
    on conflict do nothing`;
  const [made] = await lock();
  if (made === undefined) throw new Error(`user ${userId} has no API device`);
  return made;
}

async function findEarlier(
  tx: Transaction,
  userId: bigint,
  key: string,
): Promise<{ digest: Buffer; clientId: bigint } | undefined> {
  const [row] = await tx<{ digest: Buffer; clientId: bigint }[]>`
    select digest, client_id as "clientId" from idempotency where user_id = ${userId} and key = ${key}`;
  return row;
}

function parseKey(key: string): string {
  if (key === "") throw invalid("idempotency_key: missing; make one up, and repeat it when you repeat the call");
  if (Buffer.byteLength(key) > 64) throw invalid("idempotency_key: longer than 64 bytes");
  if (key.includes("\0")) throw invalid("idempotency_key: contains U+0000");
  return key;
}

function parseContent({ content }: SendRequest, contentMaxBytes: number): CheckedContent {
  if (content === undefined) throw invalid("content: missing");
  const fault = findFault(content);
  if (fault !== undefined) throw invalid(fault);
  const bytes = encode(ContentSchema, content);
  if (bytes.length > contentMaxBytes) {
    const message = `content: ${bytes.length} bytes, but at most ${contentMaxBytes} are allowed`;
    throw new TidewireError(ErrorCode.CONTENT_TOO_LARGE, message);
  }
  return { bytes, countable: isCountable(content) };
}

function digestOf(target: Exclude<Target, { kind: "none" }>, content: Uint8Array): Buffer {
  const id = target.kind === "peer" ? target.userId : target.id;
  return createHash("sha256").update(`${target.kind} ${id}\n`).update(content).digest();
}

function invalid(message: string): TidewireError {
  return new TidewireError(ErrorCode.INVALID_ARGUMENT, message);
}

function refusal(code: ErrorCode): TidewireError {
  return new TidewireError(code, errorMeanings[code].advice);
}
