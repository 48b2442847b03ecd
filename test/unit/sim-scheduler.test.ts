import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { runInMacrotask } from "../sim/engine/microtasks.js";
import { createSimNode, type SimNode } from "../sim/engine/node.js";
import { createRandom } from "../sim/engine/random.js";
import { createScheduler, type Scheduler } from "../sim/engine/scheduler.js";

function nodeOn(scheduler: Scheduler, wallSkewMs = 0): SimNode {
  return createSimNode({ name: "node", scheduler, wallSkewMs, turnMs: () => 1 });
}

describe("simulator: scheduler", () => {
  it("runs events by time, and those of the same time in the order in which they were planned", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 200 }), (timesMs) => {
        const scheduler = createScheduler();
        const ran: [number, number][] = [];
        for (const [order, atMs] of timesMs.entries()) scheduler.at(atMs, () => ran.push([scheduler.nowMs, order]));
        scheduler.runUntil(20);
        const wanted = timesMs.map((atMs, order): [number, number] => [atMs, order]);
        assert.deepEqual(
          ran,
          wanted.sort((one, other) => one[0] - other[0] || one[1] - other[1]),
        );
      }),
    );
  });

  it("leaves what lies beyond for later, and forgets what is cancelled", () => {
    const scheduler = createScheduler();
    const ran: string[] = [];
    scheduler.at(5, () => ran.push("cancelled")).cancel();
    scheduler.at(10, () => ran.push("due"));
    scheduler.at(11, () => ran.push("later"));
    scheduler.runUntil(10);
    assert.deepEqual(ran, ["due"]);
    assert.equal(scheduler.nowMs, 10);
    scheduler.runUntil(20);
    assert.deepEqual(ran, ["due", "later"]);
  });

  it("lets all promises settle between one event and the next", async () => {
    const ran: string[] = [];
    await runInMacrotask(() => {
      const scheduler = createScheduler();
      const settle = async (depth: number): Promise<void> => {
        if (depth > 0) await settle(depth - 1);
      };
      scheduler.at(1, () => void settle(20).then(() => ran.push("settled")));
      scheduler.at(1, () => ran.push("next"));
      scheduler.runUntil(1);
    });
    assert.deepEqual(ran, ["settled", "next"]);
  });
});

describe("simulator: node", () => {
  it("runs what came during a pause when it goes on, in order", () => {
    const scheduler = createScheduler();
    const node = nodeOn(scheduler);
    const ran: [string, number][] = [];
    const note = (what: string) => () => ran.push([what, scheduler.nowMs]);
    node.clock.after(10, note("timer"));
    scheduler.at(20, () => node.run(note("message")));
    node.pause(50);
    node.pause(30);
    scheduler.runUntil(100);
    assert.deepEqual(ran, [
      ["timer", 50],
      ["message", 50],
    ]);
  });

  it("never acts again once it is dead", () => {
    const scheduler = createScheduler();
    const node = nodeOn(scheduler);
    const fail = () => assert.fail("it acts");
    node.clock.after(10, fail);
    node.clock.nextTurn(fail);
    node.pause(5);
    node.run(fail);
    node.kill();
    node.run(fail);
    scheduler.runUntil(100);
    assert.equal(node.isAlive, false);
  });

  it("counts its timers down when they run, and when they are disposed of", () => {
    const scheduler = createScheduler();
    const node = nodeOn(scheduler);
    const timer = node.clock.after(10, () => {});
    node.clock.after(20, () => {});
    assert.equal(node.timers, 2);
    timer[Symbol.dispose]();
    timer[Symbol.dispose]();
    assert.equal(node.timers, 1);
    scheduler.runUntil(20);
    assert.equal(node.timers, 0);
  });

  it("has a wall clock of its own that is off and steps, and a monotonic one that is not and does not", () => {
    const scheduler = createScheduler();
    const [right, wrong] = [nodeOn(scheduler), nodeOn(scheduler, 1_500)];
    wrong.stepWall(-500);
    assert.equal(wrong.clock.nowMs() - right.clock.nowMs(), 1_000);
    assert.equal(wrong.clock.monotonicMs(), right.clock.monotonicMs());
  });
});

describe("simulator: random", () => {
  it("gives a fork the same numbers however much was drawn before", () => {
    const [fresh, used] = [createRandom(7), createRandom(7)];
    for (let draws = 0; draws < 10; draws++) used();
    assert.equal(fresh.fork("part")(), used.fork("part")());
    assert.notEqual(fresh.fork("part")(), fresh.fork("other part")());
  });

  it("spreads evenly, and stays within its bounds", () => {
    const random = createRandom(1);
    const counts = new Array<number>(10).fill(0);
    for (let draws = 0; draws < 10_000; draws++) {
      const place = random.whole(0, 9);
      counts[place] = (counts[place] ?? 0) + 1;
    }
    for (const count of counts) assert.ok(count > 850, `${counts}`);
    for (let draws = 0; draws < 1_000; draws++) assert.ok(random() < 1);
  });
});
