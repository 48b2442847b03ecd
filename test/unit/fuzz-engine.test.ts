import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Episode, EpisodeTools, Side } from "../fuzz/engine/episode.js";
import { processorClock } from "../fuzz/engine/meter.js";
import { type FuzzEnd, type FuzzOptions, replay, runFuzz } from "../fuzz/engine/run.js";
import { shrink } from "../fuzz/engine/shrink.js";
import { sides } from "../fuzz/engine/sides.js";
import { Violation } from "../fuzz/engine/violation.js";
import { parseFuzzOptions } from "../fuzz/options.js";
import { runInMacrotask } from "../sim/engine/microtasks.js";

/** A world whose inputs are some bytes each, which `take` is fed together with all that came before. */
function sideThat(take: (bytes: Uint8Array, before: readonly Uint8Array[]) => void): Side {
  function open({ meter }: EpisodeTools): Episode {
    const before: Uint8Array[] = [];
    return {
      feed({ random, replacement }) {
        const bytes = replacement ?? Uint8Array.from({ length: 8 }, () => random.whole(0, 255));
        meter.deliver(bytes, () => take(bytes, before));
        before.push(bytes);
      },
      end() {},
    };
  }
  return { name: "gateway", open };
}

function fuzz(side: Side, options: Partial<FuzzOptions> = {}): Promise<FuzzEnd> {
  const usual: FuzzOptions = { seed: "s", inputs: 2_000, sides: [side], note() {}, progress: () => "go on" };
  return runInMacrotask(() => runFuzz({ ...usual, ...options }));
}

async function failureOf(side: Side) {
  const end = await fuzz(side);
  if (end.kind !== "failed") assert.fail(end.kind);
  return end;
}

describe("the fuzz", () => {
  it("finds what one byte brings about, and shrinks the input to that byte", async () => {
    const side = sideThat((bytes) => {
      if (bytes.includes(77)) throw new TypeError("77");
    });
    const { failure, shrunk } = await failureOf(side);
    assert.match(failure.reason, /TypeError: 77/);
    assert.deepEqual(shrunk, { inputs: [failure.input], bytes: Uint8Array.of(77) });
  });

  it("finds what two inputs bring about together, and names both", async () => {
    const side = sideThat((bytes, before) => {
      if (bytes.includes(77) && before.some((each) => each.includes(78))) throw new Violation("no 77 after a 78");
    });
    const { failure, shrunk } = await failureOf(side);
    assert.equal(failure.rule, "no 77 after a 78");
    assert.equal(shrunk.inputs.length, 2);
    assert.deepEqual(shrunk.bytes, Uint8Array.of(77));
    const again = await runInMacrotask(() => replay({ seed: "s", sides: [side], note() {} }, shrunk.inputs));
    assert.equal(again?.rule, failure.rule);
  });

  it("finds an input that takes long every time, and forgives one that did so once", async () => {
    let burnt = 0;
    const burn = () => {
      burnt++;
      const endsAtMs = processorClock() + 80;
      while (processorClock() < endsAtMs);
    };
    const once = sideThat(() => burnt === 0 && burn());
    assert.equal((await fuzz(once)).kind, "passed");
    const { failure } = await failureOf(sideThat((bytes) => bytes.includes(77) && burn()));
    assert.equal(failure.rule, "an input takes little time");
  });

  it("stops between two worlds when it is told to", async () => {
    const end = await fuzz(
      sideThat(() => {}),
      { progress: () => "stop" },
    );
    assert.equal(end.kind, "stopped");
    assert.equal(end.summary.inputs, 250);
  });

  it("does the same for the same seed, on every side", async () => {
    const run = async () => [
      ...(
        await fuzz(
          sideThat(() => {}),
          { sides, inputs: 1_000 },
        )
      ).summary.counts,
    ];
    const [one, other] = [await run(), await run()];
    assert.deepEqual(one, other);
    assert.ok(one.length > 100);
  });

  it("gives up shrinking when its tries are over", () => {
    const failure = { side: "gateway" as const, input: 9, rule: "r", reason: "r", bytes: new Uint8Array(1_000) };
    let tries = 0;
    const retry = () => {
      tries++;
      return failure;
    };
    const { bytes } = shrink(failure, [8, 9], retry, { triesMax: 2, timeMaxMs: 60_000 });
    assert.equal(tries, 2);
    assert.equal(bytes.length, 500);
  });
});

describe("the command line of the fuzz", () => {
  const parse = (...argv: string[]) => parseFuzzOptions(argv, "chance");

  it("takes a million inputs and any seed unless told otherwise", () => {
    assert.deepEqual(parse(), { kind: "fuzz", order: { kind: "run", seed: "chance", inputs: 1_000_000 } });
    const order = { kind: "run", seed: "9", inputs: 5 };
    assert.deepEqual(parse("--inputs", "5", "--seed", "9"), { kind: "fuzz", order });
  });

  it("repeats one input as it came, or some alone", () => {
    const one = { kind: "replay", seed: "9", only: [700], before: "with", bytes: undefined };
    assert.deepEqual(parse("--seed", "9", "--only", "700"), { kind: "fuzz", order: one });
    const some = { kind: "replay", seed: "9", only: [3, 17], before: "without", bytes: Uint8Array.of(1, 255) };
    assert.deepEqual(parse("--seed", "9", "--only", "3,17", "--bytes", "01ff"), { kind: "fuzz", order: some });
  });

  it("names what is wrong", () => {
    assert.throws(() => parse("--inputs", "many"), /--inputs takes a whole number/);
    assert.throws(() => parse("--only", "3"), /--only needs the --seed/);
    assert.throws(() => parse("--seed", "1", "--only", "5,3"), /rising/);
    assert.throws(() => parse("--seed", "1", "--only", "5", "--bytes", "abc"), /--bytes takes pairs/);
    assert.throws(() => parse("--bytes", "00"), /--bytes goes with --only/);
    assert.throws(() => parse("--wat"), /wat/);
  });
});
