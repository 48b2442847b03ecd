import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import type { GatewayContext } from "../../gateway/context.js";
import { createReadMarks } from "../../gateway/marks/read-marks.js";
import { MarkReadResponseSchema } from "../../gen/ts/tidewire/v1/conversation_pb.js";
import { ReadMarkSchema } from "../../gen/ts/tidewire/v1/frame_pb.js";
import { createConnectionWorld } from "../support/connection-world.js";

/** A store whose answers a test gives one by one. */
function world() {
  const calls: { marks: [bigint, bigint][]; answer: () => void; fail: () => void }[] = [];
  const { context } = createConnectionWorld();
  const markRead: GatewayContext["conversations"]["markRead"] = ({ cursors = [] }) =>
    new Promise((resolve, reject) => {
      calls.push({
        marks: cursors.map(({ conversationId = 0n, seq = 0n }) => [conversationId, seq]),
        answer: () => resolve(create(MarkReadResponseSchema)),
        fail: () => reject(new Error("the store is away")),
      });
    });
  const marks = createReadMarks({ ...context, conversations: { ...context.conversations, markRead } });
  const add = (conversationId: bigint, seq: bigint) => marks.add(7n, create(ReadMarkSchema, { conversationId, seq }));
  return { add, calls };
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("read marks", () => {
  it("are stored at once while nothing is under way", () => {
    const { add, calls } = world();
    add(9n, 3n);
    assert.deepEqual(calls[0]?.marks, [[9n, 3n]]);
  });

  it("wait for the call under way, and then go together with the latest of each conversation", async () => {
    const { add, calls } = world();
    add(9n, 3n);
    for (const [conversationId, seq] of [
      [9n, 5n],
      [9n, 7n],
      [9n, 6n],
      [10n, 1n],
    ] as const)
      add(conversationId, seq);
    assert.equal(calls.length, 1);
    calls[0]?.answer();
    await turn();
    assert.deepEqual(calls[1]?.marks, [
      [9n, 7n],
      [10n, 1n],
    ]);
  });

  it("are left to the device when they cannot be stored, and the next go their way", async () => {
    const { add, calls } = world();
    add(9n, 3n);
    calls[0]?.fail();
    await turn();
    assert.equal(calls.length, 1);
    add(9n, 4n);
    assert.deepEqual(calls[1]?.marks, [[9n, 4n]]);
  });

  it("wait for 500 conversations and no more", async () => {
    const { add, calls } = world();
    for (let id = 0n; id <= 600n; id++) add(id, 1n);
    add(1n, 2n);
    calls[0]?.answer();
    await turn();
    assert.equal(calls[1]?.marks.length, 500);
    assert.deepEqual(calls[1]?.marks[0], [1n, 2n]);
  });
});
