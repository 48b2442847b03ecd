import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Arrival, createInbox, type Inbox } from "../../tools/bench/generator/inbox.js";
import { toClientMessage } from "../../tools/bench/generator/lean-socket.js";
import { findPushes } from "../../tools/bench/generator/pushes.js";

/** A message as a server sends it. Source: RFC 6455 §5.2. */
function toServerMessage(payload: Uint8Array, opcode = 2): Buffer {
  const header = Buffer.alloc(10);
  header[0] = 0x80 | opcode;
  if (payload.length < 126) {
    header[1] = payload.length;
    return Buffer.concat([header.subarray(0, 2), payload]);
  }
  if (payload.length < 65_536) {
    header[1] = 126;
    header.writeUInt16BE(payload.length, 2);
    return Buffer.concat([header.subarray(0, 4), payload]);
  }
  header[1] = 127;
  header.writeBigUInt64BE(BigInt(payload.length), 2);
  return Buffer.concat([header, payload]);
}

/** As the socket does: as much as fits into the space given out before, then `commit`, and only then the next space. */
function createPipe(inbox: Inbox) {
  let space = inbox.space();
  return (bytes: Uint8Array, atMs = 0) => {
    const arrivals: Arrival[] = [];
    for (let read = 0, length = 0; read < bytes.length; read += length) {
      length = Math.min(space.length, bytes.length - read);
      space.set(bytes.subarray(read, read + length));
      arrivals.push(...inbox.commit(length, atMs));
      space = inbox.space();
    }
    return arrivals;
  };
}

const payloadsOf = (inbox: Inbox) => inbox.arrivals.map((arrival) => Buffer.from(inbox.payloadOf(arrival)).toString());
const filled = (length: number) => Buffer.alloc(length, "x");

describe("the inbox of the load generator", () => {
  it("finds messages of every header size", () => {
    const inbox = createInbox(1_000_000);
    const receive = createPipe(inbox);
    const lengths = [0, 1, 125, 126, 65_535, 65_536, 200_000];
    for (const length of lengths) {
      const message = toServerMessage(filled(length));
      for (let offset = 0; offset < message.length; offset += 50_000)
        receive(message.subarray(offset, offset + 50_000));
    }
    assert.deepEqual(
      payloadsOf(inbox),
      lengths.map((length) => "x".repeat(length)),
    );
  });

  it("finds the same messages wherever the stream is cut", () => {
    const stream = Buffer.concat(["one", "x".repeat(130), "", "two"].map((text) => toServerMessage(Buffer.from(text))));
    for (let cut = 0; cut <= stream.length; cut++) {
      const inbox = createInbox(1_000);
      const receive = createPipe(inbox);
      receive(stream.subarray(0, cut));
      receive(stream.subarray(cut));
      assert.deepEqual(payloadsOf(inbox), ["one", "x".repeat(130), "", "two"]);
    }
  });

  it("dates a message by its last byte", () => {
    const inbox = createInbox(1_000);
    const receive = createPipe(inbox);
    const message = toServerMessage(Buffer.from("hello"));
    receive(message.subarray(0, 4), 10);
    const [arrival] = receive(message.subarray(4), 20);
    assert.equal(arrival?.atMs, 20);
  });

  it("forgets what was complete when it is cleared, and keeps what was not", () => {
    const inbox = createInbox(1_000);
    const receive = createPipe(inbox);
    const second = toServerMessage(Buffer.from("second"));
    receive(Buffer.concat([toServerMessage(Buffer.from("first")), second.subarray(0, 3)]));
    inbox.clear();
    assert.deepEqual(payloadsOf(inbox), []);
    receive(second.subarray(3));
    receive(toServerMessage(Buffer.from("third")));
    assert.deepEqual(payloadsOf(inbox), ["second", "third"]);
  });

  it("takes more than it was told to expect", () => {
    const inbox = createInbox(10);
    const receive = createPipe(inbox);
    for (let round = 0; round < 40; round++) receive(toServerMessage(filled(10_000)));
    assert.deepEqual(payloadsOf(inbox), Array(40).fill("x".repeat(10_000)));
  });

  it("tells closing and pinging from messages", () => {
    const inbox = createInbox(1_000);
    const receive = createPipe(inbox);
    const kinds = receive(Buffer.concat([2, 9, 8].map((opcode) => toServerMessage(filled(2), opcode)))).map(
      ({ kind }) => kind,
    );
    assert.deepEqual(kinds, ["binary", "ping", "close"]);
  });

  it("refuses what a server must not send", () => {
    const text = toServerMessage(filled(1), 1);
    const fragment = Buffer.from([0x02, 1, 0]);
    const masked = toClientMessage(filled(1));
    for (const bytes of [text, fragment, masked]) {
      assert.throws(() => createPipe(createInbox(100))(bytes), /must not send/);
    }
  });
});

describe("finding pushes", () => {
  const push = (length: number) => Buffer.concat([varint(length), Buffer.from([42]), Buffer.alloc(length - 1)]);
  const ack = Buffer.from([2, 26, 0]);

  it("counts pushes and other frames of any length", () => {
    const message = Buffer.concat([push(2), ack, push(127), push(128), push(20_000), push(3)]);
    const found = findPushes(message);
    assert.deepEqual([found.pushes, found.others], [5, 1]);
    assert.deepEqual(found.lastPush, message.subarray(message.length - 3));
  });

  it("shows no last push where another frame comes last", () => {
    const found = findPushes(Buffer.concat([push(2), ack]));
    assert.deepEqual([found.pushes, found.others, found.lastPush], [1, 1, undefined]);
  });

  it("refuses a frame that is cut short or empty", () => {
    for (const bytes of [push(9).subarray(0, 5), Buffer.from([0]), Buffer.from([0x80])]) {
      assert.throws(() => findPushes(bytes), /the gateway sent/);
    }
  });
});

function varint(value: number): Buffer {
  return value < 0x80
    ? Buffer.from([value])
    : Buffer.concat([Buffer.from([(value & 0x7f) | 0x80]), varint(value >>> 7)]);
}
