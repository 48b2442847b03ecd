import { fromBinary } from "@bufbuild/protobuf";
import { ContentSchema, type Message } from "../../gen/ts/tidewire/v1/content_pb.js";
import { connect, type Queryable } from "../../services/store/sql.js";
import { type DeviceSetup, notebookOf, storageOf } from "./device.js";
import type { DeviceEvidence, Evidence, HeldMessage, ServerEvidence } from "./evidence.js";
import { readNotebook } from "./note.js";
import { toRecord } from "./noted-storage.js";

/** Collects what a run has left behind. The devices are closed, so their storages are free. */
export async function readEvidence(databaseUrl: string, setups: readonly DeviceSetup[]): Promise<Evidence> {
  const server = await withDatabase(databaseUrl, readServer);
  const devices: DeviceEvidence[] = [];
  for (const setup of setups) devices.push(await readDevice(setup));
  return { server, devices };
}

/** Opens the database for a moment. */
export async function withDatabase<Result>(url: string, read: (sql: Queryable) => Promise<Result>): Promise<Result> {
  const sql = connect({ kind: "server", url }, { max: 1 });
  try {
    return await read(sql);
  } finally {
    await sql.end();
  }
}

async function readServer(sql: Queryable): Promise<ServerEvidence> {
  const conversations = await sql<{ id: bigint; head: bigint; low: bigint | null; high: bigint | null }[]>`
    select conversation_id as id, head_seq as head, low_user_id as low, high_user_id as high from conversation`;
  const messages = await sql<MessageColumns[]>`
    select conversation_id, seq, message_id, sender_id, device, client_id, content from message`;
  const memberships = await sql<MemberColumns[]>`
    select conversation_id, user_id, from_seq, to_seq, read_seq from member`;
  const refusals = await sql<{ user_id: bigint; device: number; client_id: bigint }[]>`
    select user_id, device, client_id from refusal`;
  const devices = await sql<{ user_id: bigint; device: number; device_id: string; last: bigint }[]>`
    select user_id, device, device_id, last_client_id as last from device`;
  return {
    conversations: conversations.map(({ id, head, low, high }) => ({
      conversationId: String(id),
      headSeq: Number(head),
      pair: low === null ? undefined : [String(low), String(high)],
    })),
    messages: messages.map((row) => ({
      conversationId: String(row.conversation_id),
      seq: Number(row.seq),
      messageId: String(row.message_id),
      senderId: String(row.sender_id),
      device: row.device,
      clientId: Number(row.client_id),
      text: textOf(fromBinary(ContentSchema, row.content)),
    })),
    memberships: memberships.map((row) => ({
      conversationId: String(row.conversation_id),
      userId: String(row.user_id),
      fromSeq: Number(row.from_seq),
      toSeq: row.to_seq === null ? undefined : Number(row.to_seq),
      readSeq: Number(row.read_seq),
    })),
    refusals: refusals.map((row) => ({
      userId: String(row.user_id),
      device: row.device,
      clientId: Number(row.client_id),
    })),
    devices: devices.map((row) => ({
      userId: String(row.user_id),
      device: row.device,
      deviceId: row.device_id,
      lastClientId: Number(row.last),
    })),
  };
}

type MessageColumns = {
  conversation_id: bigint;
  seq: bigint;
  message_id: bigint;
  sender_id: bigint;
  device: number;
  client_id: bigint;
  content: Uint8Array;
};

type MemberColumns = {
  conversation_id: bigint;
  user_id: bigint;
  from_seq: bigint;
  to_seq: bigint | null;
  read_seq: bigint;
};

const everything = 1_000_000;

async function readDevice(setup: DeviceSetup): Promise<DeviceEvidence> {
  const storage = storageOf(setup);
  const { outbox, cursors } = await storage.open();
  const messages: HeldMessage[] = [];
  for (const conversationId of cursors.keys()) {
    messages.push(...(await storage.messages(conversationId, 0n, everything)).map(toHeld));
  }
  await storage.close();
  const { deviceId, userId } = setup;
  const notes = await readNotebook(notebookOf(setup));
  return {
    deviceId,
    userId,
    notes,
    storage: { outbox: [...outbox.keys()].map(Number), cursors: toRecord(cursors), messages },
  };
}

function toHeld({ conversationId, seq, messageId, content }: Message): HeldMessage {
  const text = textOf(content);
  return { conversationId: String(conversationId), seq: Number(seq), messageId: String(messageId), text };
}

function textOf(content: Message["content"]): string | undefined {
  return content?.body.case === "text" ? content.body.value.text : undefined;
}
