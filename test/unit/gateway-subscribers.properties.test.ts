import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { createSubscribers, type Subscribers } from "../../gateway/downlink/subscribers.js";

const names = ["ann", "bob", "cid", "dan", "eve"];

type Command =
  | { kind: "add" | "end" | "acknowledge"; name: string; seq: bigint }
  | { kind: "remove"; name: string }
  | { kind: "advance" };

const name = fc.constantFrom(...names);
/** Now and then one that no device can hold. */
const seq = fc.oneof(
  { weight: 20, arbitrary: fc.bigInt(0n, 12n) },
  { weight: 1, arbitrary: fc.bigInt(2n ** 53n, 2n ** 64n - 1n) },
);
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("add" as const), name, seq: fc.bigInt(0n, 12n) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("end" as const), name, seq: fc.bigInt(0n, 12n) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("acknowledge" as const), name, seq }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("remove" as const), name }) },
  { weight: 2, arbitrary: fc.constant({ kind: "advance" as const }) },
);

type Member = { cursor: bigint; end: bigint | undefined };

/** Who subscribes, kept in the plainest way: a map from name to cursor and end. */
class Model {
  readonly members = new Map<string, Member>();
  readonly left: string[] = [];
  headSeq = 0n;

  add(name: string, cursor: bigint): string {
    if (this.members.get(name)?.end !== undefined) this.remove(name);
    if (this.members.has(name)) return "present";
    this.members.set(name, { cursor, end: undefined });
    return "added";
  }

  end(name: string, seq: bigint) {
    const member = this.members.get(name);
    if (!member) return;
    if (member.end === undefined || seq < member.end) member.end = seq;
    this.#leaveAtEnd(name, member);
  }

  acknowledge(name: string, seq: bigint): unknown {
    const member = this.members.get(name);
    if (!member) return { kind: "unchanged" };
    const bounds = [seq, this.headSeq, ...(member.end === undefined ? [] : [member.end])];
    const reached = bounds.reduce((low, bound) => (bound < low ? bound : low));
    if (reached <= member.cursor) return { kind: "unchanged" };
    member.cursor = reached;
    this.#leaveAtEnd(name, member);
    return { kind: "moved", seq: reached };
  }

  remove(name: string) {
    if (this.members.delete(name)) this.left.push(name);
  }

  behind(): string[] {
    const lines: string[] = [];
    for (const [name, { cursor, end }] of this.members) {
      const last = end !== undefined && end < this.headSeq ? end : this.headSeq;
      if (cursor < last) lines.push(`${name} ${cursor + 1n}-${last}`);
    }
    return lines.sort();
  }

  #leaveAtEnd(name: string, { cursor, end }: Member) {
    if (end !== undefined && cursor >= end) this.remove(name);
  }
}

function perform(command: Command, subscribers: Subscribers<string>, model: Model) {
  switch (command.kind) {
    case "add":
      return assert.equal(subscribers.add(command.name, command.seq), model.add(command.name, command.seq));
    case "end":
      subscribers.end(command.name, command.seq);
      return model.end(command.name, command.seq);
    case "acknowledge": {
      const acknowledged = subscribers.acknowledge(command.name, command.seq, model.headSeq);
      return assert.deepEqual(acknowledged, model.acknowledge(command.name, command.seq));
    }
    case "remove":
      subscribers.remove(command.name);
      return model.remove(command.name);
    case "advance":
      model.headSeq += 2n;
  }
}

function compare(subscribers: Subscribers<string>, model: Model) {
  const { members } = model;
  assert.equal(subscribers.size, members.size);
  for (const each of names) assert.equal(subscribers.has(each), members.has(each));
  assert.deepEqual([...subscribers.present()].sort(), goingOn(members));
  const behind = [...subscribers.behind(model.headSeq)];
  assert.deepEqual(
    behind.map(({ session, firstSeq, lastSeq }) => `${session} ${firstSeq}-${lastSeq}`).sort(),
    model.behind(),
  );
}

const goingOn = (members: ReadonlyMap<string, Member>) =>
  [...members].flatMap(([each, { end }]) => (end === undefined ? [each] : [])).sort();

describe("subscribers beside a plain map", () => {
  it("agree on who is there, who is behind by what, and who has left", () => {
    const property = fc.property(fc.array(command, { maxLength: 40 }), (commands) => {
      const left: string[] = [];
      const subscribers = createSubscribers<string>((each) => left.push(each));
      const model = new Model();
      for (const one of commands) {
        perform(one, subscribers, model);
        compare(subscribers, model);
      }
      assert.deepEqual(left, model.left);
    });
    fc.assert(property, { numRuns: 10_000 });
  });
});
