import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { describeFault, type Fault, isProcessFault, networkFaults, processFaults } from "../endurance/fault.js";
import { planFaults, type ScheduleOptions } from "../endurance/schedule.js";

const anyOptions: fc.Arbitrary<ScheduleOptions> = fc.record({
  seed: fc.nat(),
  durationMs: fc.integer({ min: 10_000, max: 3_600_000 }),
  faults: fc.integer({ min: 1, max: 300 }),
  devices: fc.integer({ min: 2, max: 500 }),
  crews: fc.integer({ min: 1, max: 8 }),
  groups: fc.integer({ min: 1, max: 20 }),
});

const fiveMinutes: ScheduleOptions = { seed: 1, durationMs: 300_000, faults: 60, devices: 100, crews: 4, groups: 11 };

describe("the schedule of faults", () => {
  it("is the same for the same seed, and another for another", () => {
    assert.deepEqual(planFaults(fiveMinutes), planFaults(fiveMinutes));
    assert.notDeepEqual(planFaults(fiveMinutes), planFaults({ ...fiveMinutes, seed: 2 }));
  });

  it("contains every kind, and as many faults as are asked for", () => {
    for (let seed = 0; seed < 50; seed += 1) {
      const wanted = seed % 2 === 0 ? 60 : 16;
      const faults = planFaults({ ...fiveMinutes, seed, faults: wanted });
      assert.equal(faults.length, wanted);
      assert.deepEqual(new Set(faults.map(({ kind }) => kind)), new Set([...networkFaults, ...processFaults]));
    }
  });

  it("stays within its time, in order, and among what there is", () => {
    const property = fc.property(anyOptions, (options) => {
      const faults = planFaults(options);
      assert.deepEqual(
        faults.map(({ number }) => number),
        faults.map((_, index) => index + 1),
      );
      let lastMs = 0;
      for (const fault of faults) {
        assert.ok(fault.atMs >= lastMs);
        assert.ok(fault.durationMs >= 0 && fault.atMs + fault.durationMs <= options.durationMs);
        assertWithin(fault, options);
        lastMs = fault.atMs;
      }
    });
    fc.assert(property, { numRuns: 200 });
  });

  it("lets at most one process fault happen at a time", () => {
    const property = fc.property(anyOptions, (options) => {
      let freeAtMs = 0;
      for (const fault of planFaults(options).filter(isProcessFault)) {
        assert.ok(fault.atMs >= freeAtMs);
        freeAtMs = fault.atMs + fault.durationMs;
      }
    });
    fc.assert(property, { numRuns: 200 });
  });

  it("says of each fault what it is", () => {
    for (const fault of planFaults(fiveMinutes)) assert.match(describeFault(fault), new RegExp(`^#\\d+ ${fault.kind}`));
  });
});

function assertWithin(fault: Fault, { devices, crews, groups }: ScheduleOptions): void {
  if (fault.kind === "crew-kill") assert.ok(fault.crew >= 0 && fault.crew < crews);
  if (fault.kind === "row-lock") assert.ok(fault.group >= 0 && fault.group < groups);
  if (isProcessFault(fault)) return;
  assert.ok(fault.devices.length > 0);
  assert.equal(new Set(fault.devices).size, fault.devices.length);
  assert.ok(fault.devices.every((device) => device >= 0 && device < devices));
}
