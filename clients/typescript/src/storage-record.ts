import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import { MessageSchema } from "../../../gen/ts/tidewire/v1/content_pb.js";
import { HeadSchema } from "../../../gen/ts/tidewire/v1/frame_pb.js";
import { unreachable } from "./errors.js";
import type { Write } from "./storage.js";

/** What each kind of write is called in a file. Numbers are never used again for anything else. */
const tags = {
  identity: 1,
  "next-client-id": 2,
  "outbox-put": 3,
  "outbox-remove": 4,
  watermark: 5,
  head: 6,
  cursor: 7,
  message: 8,
  "mark-put": 9,
  "mark-remove": 10,
  "forget-conversations": 11,
} as const satisfies Record<Write["kind"], number>;

const kinds = new Map<number, Write["kind"]>(
  Object.entries(tags).map(([kind, tag]) => [tag, kind as Write["kind"]] as const),
);

export function encodeWrites(writes: Iterable<Write>): Uint8Array {
  const writer = new BinaryWriter();
  for (const write of writes) encodeWrite(writer.uint32(tags[write.kind]), write);
  return writer.finish();
}

/** Throws if the bytes are not what `encodeWrites` wrote. */
export function decodeWrites(bytes: Uint8Array): Write[] {
  const reader = new BinaryReader(bytes);
  const writes: Write[] = [];
  while (reader.pos < reader.len) {
    const kind = kinds.get(reader.uint32());
    if (kind === undefined) throw new Error("a later version of this library has written this storage");
    writes.push(decodeWrite(reader, kind));
  }
  return writes;
}

function encodeWrite(writer: BinaryWriter, write: Write): BinaryWriter {
  switch (write.kind) {
    case "identity":
      return writer.string(write.deviceId).uint64(write.userId).string(write.storeId);
    case "next-client-id":
    case "outbox-remove":
      return writer.uint64(write.clientId);
    case "outbox-put":
      return writer.uint64(write.clientId).bytes(write.frame);
    case "watermark":
      return writer.uint64(write.watermark);
    case "head":
      return writer.bytes(toBinary(HeadSchema, write.head));
    case "message":
      return writer.bytes(toBinary(MessageSchema, write.message));
    case "cursor":
    case "mark-put":
      return writer.uint64(write.conversationId).uint64(write.seq);
    case "mark-remove":
      return writer.uint64(write.conversationId);
    case "forget-conversations":
      return writer;
    default:
      return unreachable(write);
  }
}

function decodeWrite(reader: BinaryReader, kind: Write["kind"]): Write {
  const id = () => BigInt(reader.uint64());
  switch (kind) {
    case "identity":
      return { kind, deviceId: reader.string(), userId: id(), storeId: reader.string() };
    case "next-client-id":
    case "outbox-remove":
      return { kind, clientId: id() };
    case "outbox-put":
      return { kind, clientId: id(), frame: new Uint8Array(reader.bytes()) };
    case "watermark":
      return { kind, watermark: id() };
    case "head":
      return { kind, head: fromBinary(HeadSchema, reader.bytes()) };
    case "message":
      return { kind, message: fromBinary(MessageSchema, reader.bytes()) };
    case "cursor":
    case "mark-put":
      return { kind, conversationId: id(), seq: id() };
    case "mark-remove":
      return { kind, conversationId: id() };
    case "forget-conversations":
      return { kind };
    default:
      return unreachable(kind);
  }
}
