import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { createHistory } from "../sim/history.js";

const at = { atMs: 1, deviceId: "a1" };
const target = { kind: "conversation" as const, id: 10n };
const place = { conversationId: 10n, seq: 1n };

describe("the simulator's history", () => {
  it("names the message of an outcome by the number it was sent under", () => {
    const history = createHistory();
    history.sent({ ...at, userId: 1n, clientId: 1n, text: "one", target });
    history.sent({ ...at, deviceId: "b1", userId: 2n, clientId: 1n, text: "other", target });
    history.toldStored({ ...at, clientId: 1n, ...place });
    assert.equal(history.records.toldStored[0]?.text, "one");
  });

  it("follows messages that change numbers, even into one another's", () => {
    const history = createHistory();
    for (const clientId of [1n, 2n]) history.sent({ ...at, userId: 1n, clientId, text: `text ${clientId}`, target });
    history.renumbered(at, [
      { from: 1n, to: 2n },
      { from: 2n, to: 3n },
    ]);
    history.toldStored({ ...at, clientId: 2n, ...place });
    history.toldRefused({ ...at, clientId: 3n, code: ErrorCode.NOT_A_MEMBER });
    history.toldRefused({ ...at, clientId: 1n, code: ErrorCode.NOT_A_MEMBER });
    assert.equal(history.records.toldStored[0]?.text, "text 1");
    assert.deepEqual(
      history.records.toldRefused.map(({ text }) => text),
      ["text 2", undefined],
    );
  });

  it("knows after a start what the storage holds, and nothing else", () => {
    const history = createHistory();
    history.sent({ ...at, userId: 1n, clientId: 1n, text: "one", target });
    const cursors = new Map([[10n, 4n]]);
    history.booted(at, "rolled-back-storage", { outbox: [{ clientId: 2n, text: "two" }], cursors });
    cursors.set(10n, 5n);
    history.toldStored({ ...at, clientId: 1n, ...place });
    history.toldStored({ ...at, clientId: 2n, ...place });
    const [boot] = history.records.applications;
    assert.ok(boot?.kind === "booted");
    assert.equal(boot.cursors.get(10n), 4n);
    assert.deepEqual(
      history.records.toldStored.map(({ text }) => text),
      [undefined, "two"],
    );
  });
});
