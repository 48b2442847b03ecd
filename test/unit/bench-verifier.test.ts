import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type Message, MessageSchema } from "../../gen/ts/tidewire/v1/content_pb.js";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { NackReason, type ServerFrame, ServerFrameSchema } from "../../gen/ts/tidewire/v1/frame_pb.js";
import type { Acks } from "../../tools/bench/generator/workload.js";
import { messageOf, type Sent } from "../../tools/bench/generator/workload.js";
import { isFlawless, mergeVerdicts, type Verdict, verifyRound } from "../../tools/bench/group/verifier.js";

const conversationId = 7n;
const firstSeq = 11n;
const users = [101n, 102n, 103n];
const sent = users.map((userId) => messageOf(1, userId, 1));

type Frame = NonNullable<MessageInitShape<typeof ServerFrameSchema>["frame"]>;

/** Lets `spoil` change what user 102 is told of an otherwise perfect round, and verifies it. */
function verify(spoil: (frames: ServerFrame[]) => ServerFrame[], acks: Acks = "on"): Verdict {
  const members = sent.map((own) => heard(own, own.senderId === 102n ? spoil(pushes()) : pushes()));
  return verifyRound({ conversationId, firstSeq, sent, acks }, members);
}

const heard = (own: Sent, frames: ServerFrame[]) => ({ userId: own.senderId, own, frames });
const pushes = () => sent.map((message, index) => push(message, firstSeq + BigInt(index)));

function push({ senderId, device, clientId, text }: Sent, seq: bigint, changes: Partial<Message> = {}): ServerFrame {
  const content = { body: { case: "text", value: { text } } } as const;
  const message = create(MessageSchema, { conversationId, seq, senderId, senderDevice: device, clientId, content });
  return toFrame({ case: "push", value: { message: { ...message, ...changes } } });
}

const toFrame = (frame: Frame) => create(ServerFrameSchema, { frame });

function upAck(seq: bigint, changes: { clientId?: bigint; conversationId?: bigint } = {}): ServerFrame {
  const stored = { conversationId: changes.conversationId ?? conversationId, seq };
  return toFrame({
    case: "upAck",
    value: { clientId: changes.clientId ?? 1n, outcome: { case: "stored", value: stored } },
  });
}

/** The message at this index, so that a test may say what it does to it. */
function at<Item>(items: readonly Item[], index: number): Item {
  const item = items[index];
  assert.ok(item !== undefined);
  return item;
}

describe("the verifier of a benchmark", () => {
  it("finds nothing wrong with a round in which everybody got everything once and in order", () => {
    const verdict = verify((frames) => frames);
    assert.ok(isFlawless(verdict));
    assert.deepEqual(verdict, {
      members: 3,
      sent: 3,
      acked: 3,
      delivered: 9,
      lost: 0,
      duplicated: 0,
      reordered: 0,
      altered: 0,
      problems: [],
      log: sent.map((message, index) => ({ seq: firstSeq + BigInt(index), sent: message })),
    });
  });

  it("accepts an up_ack before, after and beside the own push, and ignores frames that do not concern it", () => {
    const heartbeat = toFrame({ case: "heartbeatOk", value: {} });
    assert.ok(isFlawless(verify((frames) => [upAck(12n), heartbeat, ...frames])));
    assert.ok(isFlawless(verify((frames) => [...frames, upAck(12n)])));
  });

  it("sees a lost message", () => {
    const verdict = verify((frames) => frames.slice(0, 2));
    assert.equal(verdict.lost, 1);
    assert.equal(verdict.delivered, 8);
    assert.ok(!isFlawless(verdict));
    assert.deepEqual(verdict.problems, ["user 102 did not get 1 of 3 messages"]);
  });

  it("sees that nobody got anything", () => {
    const verdict = verifyRound(
      { conversationId, firstSeq, sent, acks: "on" },
      sent.map((own) => heard(own, [])),
    );
    assert.deepEqual([verdict.lost, verdict.acked, verdict.delivered], [9, 0, 0]);
    assert.ok(!isFlawless(verdict));
  });

  it("sees a member of whom nothing is known", () => {
    const members = sent.slice(1).map((own) => heard(own, pushes()));
    assert.ok(!isFlawless(verifyRound({ conversationId, firstSeq, sent, acks: "on" }, members)));
  });

  it("sees a message that came twice", () => {
    const verdict = verify((frames) => [...frames, at(frames, 2)]);
    assert.equal(verdict.duplicated, 1);
    assert.ok(!isFlawless(verdict));
  });

  it("sees a message that lies in the log twice", () => {
    const verdict = verify((frames) => [...frames.slice(0, 2), push(at(sent, 0), 13n)]);
    assert.deepEqual([verdict.duplicated, verdict.lost], [1, 1]);
  });

  it("sees two messages that share a seq", () => {
    const verdict = verify((frames) => [...frames.slice(0, 2), push(at(sent, 2), 12n)]);
    assert.deepEqual([verdict.duplicated, verdict.lost], [1, 1]);
  });

  it("sees messages that overtook one another", () => {
    const verdict = verify((frames) => [at(frames, 1), at(frames, 0), at(frames, 2)]);
    assert.deepEqual([verdict.reordered, verdict.lost], [1, 0]);
    assert.deepEqual(verdict.problems, ["user 102 got seq 11 after seq 12"]);
    assert.ok(!isFlawless(verdict));
  });

  it("sees an order that differs from that of others", () => {
    const verdict = verify((frames) => [push(at(sent, 1), 11n), push(at(sent, 0), 12n), at(frames, 2)]);
    assert.equal(verdict.reordered, 2);
    assert.ok(!isFlawless(verdict));
  });

  const alterations: Record<string, () => ServerFrame> = {
    "another text": () => push({ ...at(sent, 2), text: at(sent, 0).text }, 13n),
    "another sender": () => push({ ...at(sent, 2), senderId: 999n }, 13n),
    "another device": () => push({ ...at(sent, 2), device: 2 }, 13n),
    "another client_id": () => push({ ...at(sent, 2), clientId: 2n }, 13n),
    "another conversation": () => push(at(sent, 2), 13n, { conversationId: 8n }),
    "a seq of an earlier round": () => push(at(sent, 2), 10n),
    "a seq of a later round": () => push(at(sent, 2), 14n),
    "no content": () => toFrame({ case: "push", value: {} }),
  };
  for (const [what, altered] of Object.entries(alterations)) {
    it(`sees a push with ${what}`, () => {
      const verdict = verify((frames) => [...frames.slice(0, 2), altered()]);
      assert.deepEqual([verdict.altered, verdict.lost], [1, 1]);
      assert.ok(!isFlawless(verdict));
    });
  }

  it("sees a message that its sender does not know to be stored", () => {
    const verdict = verify((frames) => frames.filter((_, index) => index !== 1));
    assert.equal(verdict.acked, 2);
    assert.ok(verdict.problems.includes("user 102 was not told that its message is stored"));
  });

  it("sees an up_ack that contradicts the log", () => {
    for (const wrong of [upAck(13n), upAck(12n, { clientId: 2n }), upAck(12n, { conversationId: 8n })]) {
      const verdict = verify((frames) => [...frames, wrong]);
      assert.equal(verdict.altered, 1);
      assert.ok(!isFlawless(verdict));
    }
  });

  const refusals: Record<string, Frame> = {
    RATE: { case: "upNack", value: { reason: NackReason.RATE } },
    NOT_A_MEMBER: {
      case: "upAck",
      value: { clientId: 1n, outcome: { case: "refused", value: ErrorCode.NOT_A_MEMBER } },
    },
    BUSY: { case: "error", value: { code: ErrorCode.BUSY } },
    "sent away": { case: "goaway", value: {} },
  };
  for (const [word, frame] of Object.entries(refusals)) {
    it(`tells why a message was not taken: ${word}`, () => {
      const verdict = verify((frames) => [toFrame(frame), ...frames]);
      assert.match(at(verdict.problems, 0), new RegExp(word));
      assert.ok(!isFlawless(verdict));
    });
  }

  it("sees that the server began to send again in a round without acks", () => {
    const told = (frames: ServerFrame[]) => [...frames, toFrame({ case: "headsPage", value: {} })];
    assert.match(at(verify(told, "off").problems, 0), /user 102 was told that it is behind/);
    assert.ok(isFlawless(verify(told, "on")));
  });

  it("names the first ten problems and counts all", () => {
    const verdict = verify((frames) => Array.from({ length: 20 }, () => frames).flat());
    assert.equal(verdict.problems.length, 10);
    assert.equal(verdict.duplicated, 57);
  });
});

describe("the verifier of a round that was heard in several places", () => {
  const [one] = sent;
  assert.ok(one);
  const round = { conversationId, firstSeq, sent: [one], acks: "on" } as const;
  const listener = (userId: bigint, frames = [push(one, firstSeq)]) => ({ userId, own: undefined, frames });
  const atSender = () => verifyRound(round, [heard(one, [push(one, firstSeq)])]);
  const elsewhere = (frames?: ServerFrame[]) => verifyRound(round, [listener(102n), listener(103n, frames)]);

  it("asks no acknowledgement of those who have sent nothing", () => {
    const verdict = mergeVerdicts([atSender(), elsewhere()]);
    assert.deepEqual([verdict.members, verdict.sent, verdict.acked, verdict.delivered], [3, 1, 1, 3]);
    assert.ok(isFlawless(verdict), JSON.stringify(verdict.problems));
  });

  it("sees a message that was lost in one of them", () => {
    const verdict = mergeVerdicts([atSender(), elsewhere([])]);
    assert.deepEqual([verdict.lost, verdict.delivered], [1, 2]);
    assert.ok(!isFlawless(verdict));
  });

  it("sees that the sender was heard nowhere", () => {
    assert.ok(!isFlawless(elsewhere()));
  });

  it("sees that they disagree about the log", () => {
    const verdict = mergeVerdicts([atSender(), { ...elsewhere(), log: [{ seq: firstSeq + 1n, sent: one }] }]);
    assert.deepEqual([verdict.reordered, verdict.problems], [1, ["some members saw another order than others"]]);
    assert.ok(!isFlawless(verdict));
  });

  it("sees an up_ack at one who has sent nothing", () => {
    assert.equal(elsewhere([push(one, firstSeq), upAck(firstSeq)]).altered, 1);
  });
});
