import { BinaryReader } from "@bufbuild/protobuf/wire";
import { MessageSchema } from "../../../gen/ts/tidewire/v1/content_pb.js";
import {
  LoginOkSchema,
  PushSchema,
  ServerFrameSchema,
  SyncPageSchema,
  UpAckSchema,
} from "../../../gen/ts/tidewire/v1/frame_pb.js";
import { decode } from "../../../runtime/binary.js";
import type { Handed, History, UpAckLeft } from "../history.js";

/** Reads along what a gateway sends to one device. */
export interface Wiretap {
  /** A WebSocket message has been handed to the socket. */
  sent(message: Uint8Array): void;
}

export type WiretapOptions = Readonly<{ gateway: string; userId: bigint; history: History; nowMs(): number }>;

const frameField = ServerFrameSchema.field;
const messageField = MessageSchema.field;

/** What a device is told of a message of a log. */
type Delivered = Pick<Handed, "conversationId" | "seq" | "by">;

type Read = Readonly<{
  device: number | undefined;
  upAcks: readonly Pick<UpAckLeft, "clientId" | "outcome">[];
  delivered: readonly Delivered[];
}>;

/** The same bytes go to everybody who listens to a topic: they are read once. */
const read = new WeakMap<Uint8Array, Read>();

export function createWiretap({ gateway, userId, history, nowMs }: WiretapOptions): Wiretap {
  let device = 0;
  return {
    sent(message) {
      const known = read.get(message) ?? readMessage(message);
      read.set(message, known);
      const atMs = nowMs();
      device = known.device ?? device;
      for (const upAck of known.upAcks) {
        history.upAckLeft({ atMs, deviceId: "", gateway, userId, device, ...upAck });
      }
      for (const delivered of known.delivered) history.handed({ atMs, gateway, userId, ...delivered });
    },
  };
}

function readMessage(message: Uint8Array): Read {
  const upAcks: Pick<UpAckLeft, "clientId" | "outcome">[] = [];
  const delivered: Delivered[] = [];
  let device: number | undefined;
  const reader = new BinaryReader(message);
  while (reader.pos < reader.len) {
    const frame = new BinaryReader(reader.bytes());
    const [field] = frame.tag();
    const body = frame.bytes();
    if (field === frameField.push.number) delivered.push({ ...readPush(body), by: "push" });
    else if (field === frameField.loginOk.number) device = decode(LoginOkSchema, body).device;
    else if (field === frameField.upAck.number) upAcks.push(...readUpAck(body));
    else if (field === frameField.syncPage.number) delivered.push(...readSyncPage(body));
  }
  return { device, upAcks, delivered };
}

/** Only what names the message: the content is not looked at. */
function readPush(body: Uint8Array): { conversationId: bigint; seq: bigint } {
  const push = new BinaryReader(body);
  while (push.tag()[0] !== PushSchema.field.message.number) throw new Error("a push without a message");
  const message = new BinaryReader(push.bytes());
  const found = { conversationId: 0n, seq: 0n };
  while (message.pos < message.len) {
    const [field, type] = message.tag();
    if (field === messageField.conversationId.number) found.conversationId = BigInt(message.fixed64());
    else if (field === messageField.seq.number) found.seq = BigInt(message.uint64());
    else message.skip(type, field);
    if (found.seq !== 0n) break;
  }
  return found;
}

function readUpAck(body: Uint8Array): Pick<UpAckLeft, "clientId" | "outcome">[] {
  const { clientId, outcome } = decode(UpAckSchema, body);
  if (outcome.case === "refused") return [{ clientId, outcome: { kind: "refused", code: outcome.value } }];
  if (outcome.case !== "stored") return [];
  const { conversationId, seq } = outcome.value;
  return [{ clientId, outcome: { kind: "stored", conversationId, seq } }];
}

function readSyncPage(body: Uint8Array): Delivered[] {
  const { messages, conversationId } = decode(SyncPageSchema, body);
  return messages.map(({ seq }) => ({ conversationId, seq, by: "sync" }));
}
