import { BinaryReader } from "@bufbuild/protobuf/wire";
import { concat } from "../../../gateway/frames/frames.js";
import { type Ack, AckSchema, ClientFrameSchema } from "../../../gen/ts/tidewire/v1/frame_pb.js";
import { decode } from "../../../runtime/binary.js";

const ackField = ClientFrameSchema.field.ack.number;

/** The acks in a WebSocket message of a device, decoded; nothing else is looked at. */
export function acksIn(message: Uint8Array): Ack[] {
  const acks: Ack[] = [];
  for (const frame of framesOf(message)) if (frame.field === ackField) acks.push(decode(AckSchema, frame.body()));
  return acks;
}

/** A WebSocket message of a device without its acks; undefined if nothing else is in it. */
export function withoutAcks(message: Uint8Array): Uint8Array | undefined {
  const kept: Uint8Array[] = [];
  for (const { field, whole } of framesOf(message)) if (field !== ackField) kept.push(whole);
  return kept.length === 0 ? undefined : concat(kept);
}

type PeekedFrame = Readonly<{ field: number; whole: Uint8Array; body(): Uint8Array }>;

function* framesOf(message: Uint8Array): Iterable<PeekedFrame> {
  const reader = new BinaryReader(message);
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const frame = new BinaryReader(reader.bytes());
    const [field] = frame.tag();
    yield { field, whole: message.subarray(start, reader.pos), body: () => frame.bytes() };
  }
}
