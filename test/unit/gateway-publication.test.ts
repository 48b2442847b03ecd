import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { createPublication } from "../../gateway/downlink/publication.js";
import { concat } from "../../gateway/frames/frames.js";

function world() {
  const published: { topic: string; message: Uint8Array }[] = [];
  const publication = createPublication((topic, message) => published.push({ topic, message }));
  return { publication, published };
}

const frame = (mark: number, bytes = 1) => new Uint8Array(bytes).fill(mark);
const messageMaxBytes = 15 * 1024;

describe("publication", () => {
  it("publishes nothing before it is flushed", () => {
    const { publication, published } = world();
    publication.add("u1", frame(1));
    assert.deepEqual(published, []);
  });

  it("packs the frames of a topic into one message, in order", () => {
    const { publication, published } = world();
    publication.add("u1", frame(1));
    publication.add("u2", frame(2));
    publication.add("u1", frame(3));
    publication.flush();
    assert.deepEqual(
      published.map(({ topic, message }) => [topic, ...message]),
      [
        ["u1", 1, 3],
        ["u2", 2],
      ],
    );
  });

  it("does not copy a frame that is alone", () => {
    const { publication, published } = world();
    const only = frame(1);
    publication.add("u1", only);
    publication.flush();
    assert.equal(published[0]?.message, only);
  });

  it("is empty after it was flushed", () => {
    const { publication, published } = world();
    publication.add("u1", frame(1));
    publication.flush();
    publication.flush();
    assert.equal(published.length, 1);
    publication.add("u1", frame(2));
    publication.flush();
    assert.deepEqual(
      published.map(({ message }) => [...message]),
      [[1], [2]],
    );
  });

  it("begins another message before one grows over 15 KiB", () => {
    const { publication, published } = world();
    publication.add("u1", frame(1, messageMaxBytes - 1));
    publication.add("u1", frame(2, 1));
    publication.add("u1", frame(3, 1));
    publication.flush();
    assert.deepEqual(
      published.map(({ message }) => message.length),
      [messageMaxBytes, 1],
    );
  });

  it("keeps all frames of a topic in order and within bounds, whatever their sizes", () => {
    const frames = fc.array(
      fc.record({ topic: fc.constantFrom("a", "b"), bytes: fc.integer({ min: 1, max: 20_000 }) }),
      {
        maxLength: 20,
      },
    );
    fc.assert(
      fc.property(frames, (added) => {
        const { publication, published } = world();
        const marked = added.map(({ topic, bytes }, index) => ({ topic, message: frame(index, bytes) }));
        for (const { topic, message } of marked) publication.add(topic, message);
        publication.flush();
        for (const topic of ["a", "b"]) {
          const of = (list: typeof published) =>
            concat(list.filter((each) => each.topic === topic).map(({ message }) => message));
          assert.equal(Buffer.compare(of(published), of(marked)), 0);
        }
        for (const { message } of published) {
          const isAlone = message.every((byte) => byte === message[0]);
          assert.ok(message.length <= messageMaxBytes || isAlone);
        }
      }),
    );
  });
});
