import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { concat } from "../../gateway/frames.js";
import { ClientFrameSchema } from "../../gen/ts/tidewire/v1/frame_pb.js";
import { prefix } from "./connection-world.js";

/** A source of numbers in [0, 1) that gives the same ones for the same seed (mulberry32). */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * WebSocket messages as a device that is broken, hostile, or neither might send them: one to four frames that are well
 * formed, some of them changed in their bytes, their lengths, or their order.
 */
export function createMessageMaker(random: () => number): () => Uint8Array {
  const below = (limit: number) => Math.floor(random() * limit);
  const pick = <T>(items: readonly T[]): T => items[below(items.length)] as T;
  const numbers = [0n, 1n, 2n, 3n, 127n, 128n, 2n ** 32n, 2n ** 63n, 2n ** 64n - 1n];
  /** So that most connections live long enough to get somewhere. */
  const quiet = { case: "heartbeat", value: {} } as const;
  const texts = ["", "user 7", "phone", "é".repeat(40), "x".repeat(70), "x".repeat(5_000)];

  function frame(): NonNullable<MessageInitShape<typeof ClientFrameSchema>["frame"]> {
    const [conversationId, seq, requestId] = [pick([1n, 9n, pick(numbers)]), pick(numbers), pick(numbers)];
    switch (below(10)) {
      case 0:
        if (random() < 0.8) return quiet;
        return { case: "login", value: { token: pick(texts), deviceId: pick(texts), platform: pick(texts) } };
      case 1:
        return { case: "heartbeat", value: { clientTimeMs: BigInt.asIntN(64, seq) } };
      case 2:
        return { case: "ack", value: { cursors: Array.from({ length: below(4) }, () => ({ conversationId, seq })) } };
      case 3:
        return { case: "sync", value: { requestId, conversationId, afterSeq: seq } };
      case 4:
        return { case: "heads", value: { requestId, since: seq } };
      case 5:
        return { case: "readMark", value: { conversationId, seq } };
      case 6:
        return { case: "signal", value: { kind: { case: "typing", value: { conversationId } } } };
      case 7:
        if (random() < 0.9) return quiet;
        return pick([{ case: "logout", value: {} }, { case: undefined }]);
      default:
        return { case: "upMsg", value: { clientId: random() < 0.95 ? BigInt(1 + below(4)) : seq, content: content() } };
    }
  }

  function content() {
    return { body: { case: "text" as const, value: { text: pick(texts) } } };
  }

  const changes: readonly ((bytes: Uint8Array) => Uint8Array)[] = [
    (bytes) => bytes.map((byte, index) => (index === changed(bytes) ? byte ^ (1 << below(8)) : byte)),
    (bytes) => bytes.subarray(0, below(bytes.length + 1)),
    (bytes) => bytes.subarray(below(bytes.length + 1)),
    (bytes) => splice(bytes, Uint8Array.of(below(256))),
    (bytes) => splice(bytes, new Uint8Array(below(12)).fill(0x80 | below(128))),
    (bytes) => splice(bytes, new Uint8Array(below(300)).fill(0x0b)), // groups within groups
    (bytes) => concat([bytes, bytes]),
    (bytes) => splice(bytes, bytes.subarray(below(bytes.length + 1))),
  ];
  const changed = (bytes: Uint8Array) => below(bytes.length);

  function splice(bytes: Uint8Array, inserted: Uint8Array): Uint8Array {
    const at = below(bytes.length + 1);
    return concat([bytes.subarray(0, at), inserted, bytes.subarray(at)]);
  }

  function frameBytes(): Uint8Array {
    const body = toBinary(ClientFrameSchema, create(ClientFrameSchema, { frame: frame() }));
    const kind = random();
    if (kind < 0.85) return prefix(body);
    if (kind < 0.95) return prefix(pick(changes)(body)); // whole as a frame, wrong inside
    return pick(changes)(prefix(body));
  }

  return () => concat(Array.from({ length: random() < 0.7 ? 1 : 1 + below(4) }, frameBytes));
}
