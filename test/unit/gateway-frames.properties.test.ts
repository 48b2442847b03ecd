import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BinaryReader, sizeDelimitedEncode } from "@bufbuild/protobuf/wire";
import fc from "fast-check";
import { parseDeviceEvent } from "../../gateway/frames/device-event.js";
import { concat, encodeFrame, peekFrame, splitFrames } from "../../gateway/frames/frames.js";
import type { AckedCursors } from "../../gateway/session/state.js";
import { clientFrameKinds } from "../../gen/ts/tidewire/v1/dispatch.js";
import {
  type ClientFrame,
  ClientFrameSchema,
  type ServerFrame,
  ServerFrameSchema,
} from "../../gen/ts/tidewire/v1/frame_pb.js";
import { defaultLimits } from "../../gen/ts/tidewire/v1/limits.js";
import { decode } from "../../runtime/binary.js";
import { fullBucket } from "../../runtime/gcra.js";
import { createMessageBuilder } from "../fuzz/contract/build.js";
import { type FuzzMessage, makeMessage } from "../fuzz/contract/messages.js";
import { encodeFields, varint } from "../fuzz/contract/wire.js";
import { createRandom } from "../sim/engine/random.js";

/** Chance begins here; there is nothing to shrink in it. */
const seed = fc.noShrink(fc.nat(2 ** 31 - 1));
const ids = (field: string) => (field === "UpMsg.client_id" ? 5n : undefined);

function anyServerFrame(from: number): ServerFrame {
  const fields = createMessageBuilder(createRandom(from), () => undefined).build(ServerFrameSchema);
  return decode(ServerFrameSchema, encodeFields(fields));
}

function anyClientMessage(from: number): FuzzMessage {
  const random = createRandom(from);
  return makeMessage({ frame: ClientFrameSchema, limits: defaultLimits, random, hint: ids, weights: {} });
}

/** What protobuf's own reader makes of a message, or undefined if it refuses it. */
function readWithLibrary(message: Uint8Array): Uint8Array[] | undefined {
  const frames: Uint8Array[] = [];
  try {
    const reader = new BinaryReader(message);
    while (reader.pos < reader.len) frames.push(reader.bytes());
  } catch {
    return undefined;
  }
  return frames;
}

function attempt<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch {
    return undefined;
  }
}

/** Lengths as every runtime writes them, in as few bytes as they need. */
function isShortest(message: Uint8Array, frames: readonly Uint8Array[]): boolean {
  const prefixBytes = (length: number) => varint(BigInt(length)).length;
  return message.length === frames.reduce((sum, { length }) => sum + prefixBytes(length) + length, 0);
}

describe("frames, beside protobuf's own runtime,", () => {
  it("are written byte for byte as it writes them, and read back as they were", () => {
    fc.assert(
      fc.property(fc.array(seed, { minLength: 1, maxLength: 5 }), (seeds) => {
        const frames = seeds.map(anyServerFrame).filter(({ frame }) => frame.case !== undefined);
        const encoded = frames.map(({ frame }) => encodeFrame(frame as ServerFrame["frame"] & { case: string }));
        for (const [index, frame] of frames.entries())
          assert.deepEqual(encoded[index], sizeDelimitedEncode(ServerFrameSchema, frame));
        if (frames.length === 0) return;
        const limits = { messageMaxBytes: 2 ** 24, frameMaxBytes: 2 ** 24, framesPerMessageMax: 5 };
        const bodies = splitFrames(concat(encoded), limits);
        assert.equal(bodies.length, frames.length);
        for (const [index, frame] of frames.entries())
          assert.deepEqual(decode(ServerFrameSchema, bodies[index] ?? new Uint8Array()), frame);
      }),
      { numRuns: 2_000 },
    );
  });

  it("are cut out of any message as it cuts them, or refused where it or a limit refuses", () => {
    const counts = { taken: 0, refused: 0 };
    fc.assert(
      fc.property(seed, (from) => {
        const { bytes } = anyClientMessage(from);
        const frames = attempt(() => splitFrames(bytes, defaultLimits));
        const expected = readWithLibrary(bytes);
        if (frames)
          assert.deepEqual(
            frames.map((frame) => [...frame]),
            expected?.map((frame) => [...frame]),
          );
        counts[frames ? "taken" : "refused"]++;
        if (frames || !expected || expected.length === 0) return;
        const { messageMaxBytes, frameMaxBytes, framesPerMessageMax } = defaultLimits;
        const isWithin =
          bytes.length <= messageMaxBytes &&
          expected.length <= framesPerMessageMax &&
          expected.every(({ length }) => length <= frameMaxBytes);
        assert.ok(!isWithin || !isShortest(bytes, expected), "what is in order was refused");
      }),
      { numRuns: 10_000 },
    );
    assert.ok(counts.taken > 5_000 && counts.refused > 300, JSON.stringify(counts));
  });

  it("are what a peek takes them for, with the very same bytes inside", () => {
    const counts = { peeked: 0, unknown: 0, refused: 0 };
    fc.assert(
      fc.property(seed, (from) => {
        const { bytes, make } = anyClientMessage(from);
        for (const body of attempt(() => splitFrames(bytes, defaultLimits)) ?? []) {
          const peeked = attempt(() => peekFrame(body));
          if (make === "lawful") assert.ok(peeked, "what keeps the contract was refused");
          const decoded = attempt(() => decode(ClientFrameSchema, body));
          counts[peeked ? "peeked" : "refused"]++;
          if (!peeked || !decoded) continue;
          const known = clientFrameKinds[peeked.number];
          assert.equal(known?.kind, decoded.frame.case);
          if (decoded.frame.case === undefined) counts.unknown++;
          else assertSame(decoded.frame, peeked.body);
        }
      }),
      { numRuns: 10_000 },
    );
    assert.ok(counts.peeked > 5_000 && counts.refused > 300 && counts.unknown > 5, JSON.stringify(counts));
  });

  it("become the events that they are, with all that they say", () => {
    fc.assert(
      fc.property(seed, (from) => {
        const { bytes, make } = anyClientMessage(from);
        if (make !== "lawful") return;
        for (const body of splitFrames(bytes, defaultLimits)) {
          const event = parseDeviceEvent(body, { rate: fullBucket, lane: () => "open" });
          const { frame } = decode(ClientFrameSchema, body);
          assert.equal(event.kind.replaceAll("-", ""), frame.case?.toLowerCase());
          const said = Object.values(event).find(
            (value) => typeof value === "object" && !(value instanceof Uint8Array),
          );
          if (event.kind === "up-msg") assertSame(frame, event.upMsg);
          else if (event.kind === "ack") assertHolds(frame, event.cursors);
          else if (said !== undefined) assert.deepEqual(said, frame.value);
        }
      }),
      { numRuns: 5_000 },
    );
  });
});

const memberOf = new Map(ClientFrameSchema.fields.map((field) => [field.localName, field.message]));

function assertHolds(frame: ClientFrame["frame"], cursors: AckedCursors): void {
  assert.ok(frame.case === "ack");
  const plain = (of: AckedCursors) => of.map(({ conversationId, seq }) => ({ conversationId, seq }));
  assert.deepEqual(plain(cursors), plain(frame.value.cursors));
}

function assertSame(frame: ClientFrame["frame"], body: Uint8Array): void {
  const schema = memberOf.get(frame.case ?? "");
  if (!schema || frame.value === undefined) assert.fail(`no message for ${frame.case}`);
  assert.deepEqual(decode(schema, body), frame.value);
}
