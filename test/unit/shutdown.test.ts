import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { describe, it } from "node:test";
import { silentLogger } from "../../runtime/log.js";
import { createShutdown, stopOnSignals } from "../../runtime/shutdown.js";
import { createManualClock } from "../support/clock.js";

function world() {
  const clock = createManualClock();
  const shutdown = createShutdown({ clock, log: silentLogger });
  const ran: string[] = [];
  const add = (name: string, run: (signal: AbortSignal) => Promise<void> | void = () => {}) =>
    shutdown.add({
      name,
      deadlineMs: 1000,
      run: (signal) => {
        ran.push(name);
        return run(signal);
      },
    });
  return { clock, shutdown, ran, add };
}

const forever = () => new Promise<void>(() => {});

describe("shutdown", () => {
  it("stops what was started last first, one after another", async () => {
    const { shutdown, ran, add } = world();
    add("store");
    add("services", async () => void ran.push("services done"));
    add("gateway");
    assert.equal(await shutdown.run(), "clean");
    assert.deepEqual(ran, ["gateway", "services", "services done", "store"]);
  });

  it("goes on after a step that fails, and says so", async () => {
    const { shutdown, ran, add } = world();
    add("store");
    add("gateway", () => {
      throw new Error("broken");
    });
    assert.equal(await shutdown.run(), "incomplete");
    assert.deepEqual(ran, ["gateway", "store"]);
  });

  it("aborts a step at its deadline, goes on, and says so", async () => {
    const { clock, shutdown, ran, add } = world();
    let aborted: AbortSignal | undefined;
    add("store");
    add("gateway", (signal) => {
      aborted = signal;
      return forever();
    });
    const running = shutdown.run();
    await clock.settle(999);
    assert.deepEqual(ran, ["gateway"]);
    assert.equal(aborted?.aborted, false);
    await clock.settle(1);
    assert.equal(await running, "incomplete");
    assert.equal(aborted?.aborted, true);
    assert.deepEqual(ran, ["gateway", "store"]);
  });

  it("runs once, however often it is asked, and leaves no timer", async () => {
    const { clock, shutdown, ran, add } = world();
    add("store");
    assert.equal(shutdown.run(), shutdown.run());
    await shutdown.run();
    assert.deepEqual(ran, ["store"]);
    assert.equal(clock.pending, 0);
  });

  it("tells everybody when it begins", () => {
    const { shutdown } = world();
    assert.equal(shutdown.begun.aborted, false);
    void shutdown.run();
    assert.equal(shutdown.begun.aborted, true);
  });
});

describe("signals", () => {
  function signalWorld() {
    const { shutdown, add, clock } = world();
    const exits: number[] = [];
    const source = Object.assign(new EventEmitter(), { exit: (code: number) => void exits.push(code) });
    stopOnSignals(source, shutdown, silentLogger);
    return { shutdown, add, clock, source, exits };
  }

  it("exit with 0 after a clean shutdown", async () => {
    const { add, clock, source, exits } = signalWorld();
    add("store");
    source.emit("SIGTERM");
    await clock.settle();
    assert.deepEqual(exits, [0]);
  });

  it("exit with 1 after an incomplete shutdown", async () => {
    const { add, clock, source, exits } = signalWorld();
    add("store", forever);
    source.emit("SIGINT");
    await clock.settle(1000);
    assert.deepEqual(exits, [1]);
  });

  for (const [signal, code] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)
    it(`exit at once with ${code} at a second ${signal}`, async () => {
      const { add, clock, source, exits } = signalWorld();
      add("store", forever);
      source.emit("SIGINT");
      await clock.settle();
      assert.deepEqual(exits, []);
      source.emit(signal);
      assert.deepEqual(exits, [code]);
    });
});
