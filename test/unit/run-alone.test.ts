import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Leases } from "../../runtime/fabric/fabric.js";
import { createMemoryFabric } from "../../runtime/fabric/memory.js";
import { silentLogger } from "../../runtime/log.js";
import { runAlone } from "../../services/upkeep/run-alone.js";
import { createManualClock } from "../support/clock.js";

const everyMs = 10_000;
const leaseMs = 30_000;

/** Processes that share a fabric; `ran` tells which of them ran the task, in order. */
function world(change: { run?: (owner: string, signal: AbortSignal) => Promise<void>; leases?: Partial<Leases> } = {}) {
  const clock = createManualClock();
  const fabric = createMemoryFabric({ clock });
  const leases = { ...fabric.leases, ...change.leases };
  const ran: string[] = [];
  return {
    clock,
    fabric,
    ran,
    start: (owner: string) =>
      runAlone(
        {
          name: "task",
          everyMs,
          leaseMs,
          async run(signal) {
            ran.push(owner);
            await change.run?.(owner, signal);
          },
        },
        { leases, owner, clock, log: silentLogger },
      ),
  };
}

describe("a task that one process runs alone", () => {
  it("runs at its intervals, and not at once", async () => {
    const { clock, ran, start } = world();
    await using _task = start("a");
    await clock.settle(everyMs - 1);
    assert.deepEqual(ran, []);
    await clock.settle(1);
    assert.deepEqual(ran, ["a"]);
    await clock.settle(3 * everyMs);
    assert.deepEqual(ran, ["a", "a", "a", "a"]);
  });

  it("is run by one process while that one lives, and by another one when its lease has run out", async () => {
    const { clock, fabric, ran, start } = world();
    await fabric.leases.acquire("task", "dead", leaseMs);
    await using _one = start("a");
    await using _two = start("b");
    await clock.settle(leaseMs - 1);
    assert.deepEqual(ran, []);
    await clock.settle(100_000);
    assert.ok(ran.length >= 10);
    assert.equal(new Set(ran).size, 1);
  });

  it("goes on after a failure", async () => {
    const { clock, ran, start } = world({ run: () => Promise.reject(new Error("the store is away")) });
    await using _task = start("a");
    await clock.settle(3 * everyMs);
    assert.deepEqual(ran, ["a", "a", "a"]);
  });

  it("goes on after the fabric was away", async () => {
    let failures = 2;
    const leases: Partial<Leases> = {
      acquire: async () => {
        if (failures-- > 0) throw new Error("redis is away");
        return true;
      },
    };
    const { clock, ran, start } = world({ leases });
    await using _task = start("a");
    await clock.settle(3 * everyMs);
    assert.deepEqual(ran, ["a"]);
  });

  it("never begins before the run before it has ended", async () => {
    let end = () => {};
    const { clock, ran, start } = world({
      run: () =>
        new Promise((resolve) => {
          end = resolve;
        }),
    });
    const task = start("a");
    await clock.settle(10 * everyMs);
    assert.deepEqual(ran, ["a"]);
    end();
    await clock.settle(everyMs);
    assert.deepEqual(ran, ["a", "a"]);
    end();
    await task[Symbol.asyncDispose]();
  });

  it("stops when it is disposed of: tells the run under way, waits for it, gives the lease back, leaves no timer", async () => {
    let ended = false;
    const { clock, fabric, ran, start } = world({
      run: (_, signal) =>
        new Promise((resolve) =>
          signal.addEventListener("abort", () => {
            setImmediate(() => {
              ended = true;
              resolve();
            });
          }),
        ),
    });
    const task = start("a");
    await clock.settle(everyMs);
    await task[Symbol.asyncDispose]();
    assert.ok(ended);
    assert.equal(await fabric.leases.acquire("task", "b", leaseMs), true);
    await fabric[Symbol.asyncDispose]();
    assert.equal(clock.pending, 0);
    assert.deepEqual(ran, ["a"]);
  });
});
