import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { createLane, type Ending, type Weather } from "../endurance/lane.js";
import { createManualClock } from "../support/clock.js";
import { seededRandom } from "../support/device-world.js";

const clear: Weather = { delayMs: 0, jitterMs: 0, sliceMaxBytes: Number.POSITIVE_INFINITY };

function openLane(changes: Partial<Weather> = {}, seed = 1) {
  const clock = createManualClock();
  const weather = { ...clear, ...changes };
  const out: string[] = [];
  let answer: "open" | "full" = "open";
  const sink = {
    write(bytes: Uint8Array) {
      out.push(Buffer.from(bytes).toString());
      return answer;
    },
    end: (ending: Ending) => void out.push(`<${ending}>`),
  };
  const lane = createLane({ clock, random: seededRandom(seed), weather, sink });
  return {
    ...lane,
    clock,
    weather,
    out,
    held: () => lane.heldBytes,
    say: (text: string) => lane.push(Buffer.from(text)),
    fill: () => {
      answer = "full";
    },
  };
}

describe("a lane", () => {
  it("lets everything through at once in clear weather", () => {
    const lane = openLane();
    lane.say("one");
    lane.say("two");
    lane.end("fin");
    assert.deepEqual(lane.out, ["one", "two", "<fin>"]);
    assert.equal(lane.clock.pending, 0);
  });

  it("delays, and keeps the order when the delay shrinks", () => {
    const lane = openLane({ delayMs: 500 });
    lane.say("slow");
    lane.weather.delayMs = 0;
    lane.say("fast");
    lane.clock.advance(499);
    assert.deepEqual(lane.out, []);
    lane.clock.advance(1);
    assert.deepEqual(lane.out, ["slow", "fast"]);
  });

  it("slices, one piece a turn, and loses nothing", async () => {
    const lane = openLane({ sliceMaxBytes: 3 });
    lane.say("sliced into pieces");
    lane.end("reset");
    assert.equal(lane.out.length, 1, "the rest comes in later turns");
    while (lane.out.at(-1) !== "<reset>") await lane.clock.settle();
    assert.equal(lane.out.join(""), "sliced into pieces<reset>");
    assert.ok(lane.out.slice(0, -1).every(({ length }) => length <= 3));
  });

  it("holds back even an end until the last hold is gone", () => {
    const lane = openLane();
    const holds = [lane.hold(), lane.hold()];
    lane.say("late");
    lane.end("reset");
    holds[0]?.[Symbol.dispose]();
    holds[0]?.[Symbol.dispose]();
    assert.deepEqual(lane.out, []);
    assert.equal(lane.held(), 4);
    holds[1]?.[Symbol.dispose]();
    assert.deepEqual(lane.out, ["late", "<reset>"]);
    assert.equal(lane.held(), 0);
  });

  it("cuts in the middle of a chunk and resets", () => {
    const lane = openLane();
    lane.cutAfter(5);
    lane.say("one");
    lane.say("two");
    lane.say("three");
    assert.deepEqual(lane.out, ["one", "tw", "<reset>"]);
    assert.equal(lane.held(), 0);
  });

  it("waits for a full sink", () => {
    const lane = openLane();
    lane.fill();
    lane.say("one");
    lane.say("two");
    assert.deepEqual(lane.out, ["one"]);
    lane.drained();
    assert.deepEqual(lane.out, ["one", "two"]);
  });

  it("lets nothing out any more once it is closed", () => {
    const lane = openLane({ delayMs: 10 });
    lane.say("one");
    lane.close();
    lane.say("two");
    lane.clock.advance(100);
    assert.deepEqual(lane.out, []);
    assert.equal(lane.clock.pending, 0);
  });

  it("brings out what went in, in order, whatever the weather", async () => {
    const weather = fc.record({
      delayMs: fc.nat(50),
      jitterMs: fc.nat(50),
      sliceMaxBytes: fc.constantFrom(1, 2, 7, Number.POSITIVE_INFINITY),
    });
    const said = fc.array(fc.tuple(weather, fc.string({ minLength: 1 })), { maxLength: 10 });
    const property = fc.asyncProperty(said, fc.nat(), async (chunks, seed) => {
      const lane = openLane({}, seed);
      for (const [change, text] of chunks) {
        Object.assign(lane.weather, change);
        lane.say(text);
        lane.clock.advance(20);
      }
      lane.end("fin");
      while (lane.out.at(-1) !== "<fin>") await lane.clock.settle(10);
      assert.equal(lane.out.slice(0, -1).join(""), chunks.map(([, text]) => text).join(""));
      assert.equal(lane.held(), 0);
    });
    await fc.assert(property, { numRuns: 100 });
  });
});
