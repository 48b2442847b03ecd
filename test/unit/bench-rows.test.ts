import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { ContentSchema } from "../../gen/ts/tidewire/v1/content_pb.js";
import { messageOf, textBytes, textOf } from "../../tools/bench/generator/workload.js";
import { type MessageRow, verifyRows } from "../../tools/bench/stage/durable-rows.js";

const log = [101n, 102n, 103n].map((userId, index) => ({ seq: BigInt(index + 1), sent: messageOf(1, userId, 1) }));

const rows = (): MessageRow[] =>
  log.map(({ seq, sent: { text, ...sent } }) => ({ ...sent, seq, content: toContent(text) }));

const toContent = (text: string) =>
  toBinary(ContentSchema, create(ContentSchema, { body: { case: "text", value: { text } } }));

describe("the rows of a benchmark", () => {
  it("are counted if they lie where members saw them", () => {
    assert.deepEqual(verifyRows(log, rows()), { durableRows: 3, problems: [] });
  });

  it("are missed", () => {
    assert.deepEqual(verifyRows(log, rows().slice(0, 2)), {
      durableRows: 2,
      problems: ["seq 3 is missing in the database"],
    });
  });

  const changes: Record<string, Partial<MessageRow>> = {
    sender: { senderId: 9n },
    device: { device: 2 },
    client_id: { clientId: 2n },
    text: { content: toContent("something else") },
    content: { content: new Uint8Array() },
  };
  for (const [what, change] of Object.entries(changes)) {
    it(`are compared by ${what}`, () => {
      const [first, ...others] = rows();
      assert.ok(first);
      const verdict = verifyRows(log, [{ ...first, ...change }, ...others]);
      assert.deepEqual(verdict, { durableRows: 2, problems: ["seq 1 is another message in the database"] });
    });
  }

  it("are too many", () => {
    const surplus = rows().map((row) => ({ ...row, seq: row.seq + 3n }));
    assert.deepEqual(verifyRows(log, [...rows(), ...surplus]).problems, ["the database has 6 rows, not 3"]);
  });
});

describe("the texts of a benchmark", () => {
  it("have the stated length, whoever says them and when", () => {
    for (const text of [textOf(1, 1n), textOf(1_000, 2n ** 63n - 1n)]) assert.equal(Buffer.byteLength(text), textBytes);
  });

  it("are all different", () => {
    const texts = [1, 2, 11].flatMap((round) => [1n, 2n, 11n, 111n].map((userId) => textOf(round, userId)));
    assert.equal(new Set(texts).size, texts.length);
  });
});
