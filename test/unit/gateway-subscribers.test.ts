import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createSubscribers } from "../../gateway/downlink/subscribers.js";

/** Subscribers with names, and those who have left. */
function world() {
  const left: string[] = [];
  const subscribers = createSubscribers<string>((name) => left.push(name));
  return {
    left,
    subscribers,
    /** Who has still to acknowledge what, as "ann 3-5". */
    behind: (headSeq: bigint) =>
      [...subscribers.behind(headSeq)]
        .map(({ session, firstSeq, lastSeq }) => `${session} ${firstSeq}-${lastSeq}`)
        .sort(),
    present: () => [...subscribers.present()].sort(),
  };
}

describe("subscribers", () => {
  it("have to acknowledge what comes after the seq that they begin with", () => {
    const { behind, subscribers } = world();
    assert.equal(subscribers.add("ann", 2n), "added");
    assert.deepEqual(behind(2n), []);
    assert.deepEqual(behind(5n), ["ann 3-5"]);
  });

  it("stay as they are when they are added again", () => {
    const { behind, subscribers } = world();
    subscribers.add("ann", 2n);
    assert.equal(subscribers.add("ann", 4n), "present");
    assert.equal(subscribers.size, 1);
    assert.deepEqual(behind(5n), ["ann 3-5"]);
  });

  it("are known until they leave", () => {
    const { left, subscribers } = world();
    subscribers.add("ann", 0n);
    assert.equal(subscribers.has("ann"), true);
    subscribers.remove("ann");
    subscribers.remove("ann");
    assert.equal(subscribers.has("ann"), false);
    assert.equal(subscribers.size, 0);
    assert.deepEqual(left, ["ann"]);
  });

  for (const gone of ["ann", "bob", "cid"]) {
    it(`keep their own cursors when ${gone} leaves`, () => {
      const { behind, subscribers } = world();
      for (const [name, seq] of [
        ["ann", 1n],
        ["bob", 2n],
        ["cid", 3n],
      ] as const) {
        subscribers.add(name, seq);
      }
      subscribers.remove(gone);
      assert.deepEqual(
        behind(4n),
        ["ann 2-4", "bob 3-4", "cid 4-4"].filter((line) => !line.startsWith(gone)),
      );
      subscribers.add(gone, 4n);
      assert.equal(subscribers.size, 3);
      for (const name of ["ann", "bob", "cid"]) subscribers.acknowledge(name, 4n, 4n);
      assert.deepEqual(behind(4n), []);
    });
  }

  it("may leave while somebody looks at who is behind", () => {
    const { subscribers } = world();
    const names = ["ann", "bob", "cid", "dan"];
    for (const name of names) subscribers.add(name, 0n);
    const seen: string[] = [];
    for (const { session } of subscribers.behind(1n)) {
      seen.push(session);
      subscribers.remove(session);
    }
    assert.deepEqual(seen.sort(), names);
    assert.equal(subscribers.size, 0);
  });

  it("are all seen by whoever looks, even if all leave at the first", () => {
    const { subscribers } = world();
    const names = ["ann", "bob", "cid", "dan"];
    for (const name of names) subscribers.add(name, 0n);
    const seen: string[] = [];
    for (const { session } of subscribers.behind(1n)) {
      seen.push(session);
      for (const name of names) subscribers.remove(name);
    }
    assert.equal(seen.length, 1);
  });
});

describe("an ack", () => {
  it("moves a cursor forward and says up to where", () => {
    const { behind, subscribers } = world();
    subscribers.add("ann", 0n);
    assert.deepEqual(subscribers.acknowledge("ann", 2n, 5n), { kind: "moved", seq: 2n });
    assert.deepEqual(behind(5n), ["ann 3-5"]);
    assert.deepEqual(subscribers.acknowledge("ann", 5n, 5n), { kind: "moved", seq: 5n });
    assert.deepEqual(behind(5n), []);
  });

  it("does not move it back, or twice", () => {
    const { behind, subscribers } = world();
    subscribers.add("ann", 3n);
    for (const seq of [0n, 2n, 3n]) {
      assert.deepEqual(subscribers.acknowledge("ann", seq, 5n), { kind: "unchanged" });
    }
    assert.deepEqual(behind(5n), ["ann 4-5"]);
  });

  for (const absurd of [6n, 2n ** 53n, 2n ** 64n - 1n]) {
    it(`of ${absurd}, where the head is 5, counts as one of 5`, () => {
      const { behind, subscribers } = world();
      subscribers.add("ann", 0n);
      assert.deepEqual(subscribers.acknowledge("ann", absurd, 5n), { kind: "moved", seq: 5n });
      assert.deepEqual(behind(6n), ["ann 6-6"], "what comes next still has to be acknowledged");
    });
  }

  it("of somebody else changes nothing", () => {
    const { behind, subscribers } = world();
    subscribers.add("ann", 0n);
    assert.deepEqual(subscribers.acknowledge("bob", 5n, 5n), { kind: "unchanged" });
    assert.deepEqual(behind(5n), ["ann 1-5"]);
    assert.equal(subscribers.size, 1);
  });
});

describe("a subscriber that ends", () => {
  it("has still to acknowledge up to its end, and nothing after", () => {
    const { behind, present, subscribers } = world();
    subscribers.add("ann", 0n);
    subscribers.add("bob", 0n);
    subscribers.end("ann", 3n);
    assert.deepEqual(behind(5n), ["ann 1-3", "bob 1-5"]);
    assert.deepEqual(behind(2n), ["ann 1-2", "bob 1-2"]);
    assert.deepEqual(present(), ["bob"]);
    assert.equal(subscribers.has("ann"), true);
  });

  it("leaves when it has acknowledged its end, whatever it says that it holds", () => {
    for (const seq of [3n, 4n, 100n]) {
      const { left, subscribers } = world();
      subscribers.add("ann", 0n);
      subscribers.end("ann", 3n);
      subscribers.acknowledge("ann", 2n, 5n);
      assert.deepEqual(left, []);
      assert.deepEqual(subscribers.acknowledge("ann", seq, 5n), { kind: "moved", seq: 3n });
      assert.deepEqual(left, ["ann"]);
      assert.equal(subscribers.size, 0);
    }
  });

  it("leaves at once if it has acknowledged that before", () => {
    const { left, subscribers } = world();
    subscribers.add("ann", 3n);
    subscribers.end("ann", 3n);
    assert.deepEqual(left, ["ann"]);
    subscribers.end("ann", 3n);
    subscribers.end("bob", 3n);
    assert.deepEqual(left, ["ann"]);
  });

  it("keeps the earliest of several ends", () => {
    const { behind, subscribers } = world();
    subscribers.add("ann", 0n);
    for (const seq of [4n, 2n, 3n]) subscribers.end("ann", seq);
    assert.deepEqual(behind(5n), ["ann 1-2"]);
  });

  it("begins anew when it comes back: what lay between is none of its business", () => {
    const { behind, left, present, subscribers } = world();
    subscribers.add("ann", 0n);
    subscribers.end("ann", 3n);
    assert.equal(subscribers.add("ann", 7n), "added");
    assert.deepEqual(left, ["ann"]);
    assert.deepEqual(behind(9n), ["ann 8-9"]);
    assert.deepEqual(present(), ["ann"]);
    assert.equal(subscribers.size, 1);
  });
});
