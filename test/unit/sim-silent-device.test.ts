import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ATTEMPTS_MAX } from "../../gateway/downlink/flow.js";
import { runInMacrotask } from "../sim/engine/microtasks.js";
import { generateConfig } from "../sim/generate-config.js";
import { judge } from "../sim/judge.js";

/** A world in which all goes well, but for connections whose acks never leave the device. */
function judgeSilence(seed: number) {
  const config = { ...generateConfig(seed), faults: { "acks-swallowed": 1 } };
  return runInMacrotask(() => {
    const { violations, counts } = judge(config);
    const count = (name: string) => counts.get(name) ?? 0;
    return {
      violations,
      silent: count("fault acks-swallowed"),
      sentAgain: count("retransmissions frames") + count("retransmissions heads"),
      closed: count("closes SLOW_CONSUMER"),
    };
  });
}

describe("simulator: a device that does not acknowledge", () => {
  it("is sent what it lacks in four rounds, then closed, and holds everything once it has come back", async () => {
    let closed = 0;
    for (let seed = 1; seed <= 30; seed++) {
      const world = await judgeSilence(seed);
      assert.deepEqual(world.violations, [], `seed ${seed}: each device's log is the server's, among all else`);
      assert.ok(world.closed <= world.silent, `seed ${seed}: nobody else is closed`);
      assert.ok(world.sentAgain >= ATTEMPTS_MAX * world.closed, `seed ${seed}: not closed before that`);
      closed += world.closed;
    }
    assert.ok(closed >= 20, `${closed} were closed`);
  });
});
