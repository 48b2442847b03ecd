import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createStreamPosition } from "../../gateway/downlink/stream-position.js";

/** What a position says of entries, each named by its stream and number. */
function follow(...entries: [string, bigint][]): string[] {
  const position = createStreamPosition();
  return entries.map(([stream, number]) => position.follow({ stream, number }));
}

describe("stream position", () => {
  it("begins wherever the stream is", () => {
    assert.deepEqual(follow(["a", 7n], ["a", 8n], ["a", 9n]), ["next", "next", "next"]);
  });

  it("sees a gap once, and goes on after it", () => {
    assert.deepEqual(follow(["a", 1n], ["a", 3n], ["a", 4n]), ["next", "gap", "next"]);
  });

  it("takes a new stream for a gap: nobody knows what the old one had left", () => {
    assert.deepEqual(follow(["a", 1n], ["b", 2n], ["b", 3n]), ["next", "gap", "next"]);
    assert.deepEqual(follow(["a", 1n], ["b", 1n]), ["next", "gap"]);
  });

  it("takes what goes back, or comes twice, for a gap rather than for nothing", () => {
    assert.deepEqual(follow(["a", 5n], ["a", 5n]), ["next", "gap"]);
    assert.deepEqual(follow(["a", 5n], ["a", 4n]), ["next", "gap"]);
  });
});
