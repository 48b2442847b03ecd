import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { measureRecoveries, recoveryQuantiles, type Strike } from "../endurance/recovery.js";

function strike(
  number: number,
  times: readonly [number, number],
  recoveredMs: Record<number, number | undefined>,
): Strike {
  const [startedMs, endedMs] = times;
  const byDevice = Object.entries(recoveredMs).map(([device, atMs]) => [Number(device), atMs] as const);
  return { number, kind: "reset", startedMs, endedMs, recoveredMs: new Map(byDevice) };
}

const figures = (strikes: readonly Strike[]) =>
  measureRecoveries(strikes).map(({ recoveryMs, sinceOwnEndMs }) => [recoveryMs, sinceOwnEndMs]);

describe("the recovery from a fault", () => {
  it("lasts from its end to the moment at which the last device is well", () => {
    assert.deepEqual(figures([strike(1, [0, 100], { 1: 150, 2: 400 })]), [[300, 300]]);
  });

  it("lasts from the end of a later fault, for a device that was struck again before it was well", () => {
    const strikes = [strike(1, [0, 100], { 1: 150, 2: 900 }), strike(2, [500, 600], { 2: 850, 3: 700 })];
    assert.deepEqual(figures(strikes), [
      [300, 800],
      [300, 250],
    ]);
  });

  it("joins what overlaps into one spell, however many faults there are", () => {
    const strikes = [1, 2, 3, 4].map((number) =>
      strike(number, [number * 100, number * 100 + 50], { 1: number * 100 + 120 }),
    );
    assert.deepEqual(
      figures(strikes).map(([recoveryMs]) => recoveryMs),
      [70, 70, 70, 70],
    );
  });

  it("lasts from the end of a long fault that began before", () => {
    const strikes = [strike(1, [0, 1_000], { 1: 1_200 }), strike(2, [100, 100], { 1: 150 })];
    assert.deepEqual(figures(strikes), [
      [200, 200],
      [200, 50],
    ]);
  });

  it("is measured anew once a device was well in between", () => {
    const strikes = [strike(1, [0, 100], { 1: 200 }), strike(2, [600, 650], { 1: 800 })];
    assert.deepEqual(figures(strikes), [
      [100, 100],
      [150, 150],
    ]);
  });

  it("has no end if a device was never well again", () => {
    const strikes = [strike(1, [0, 100], { 1: undefined, 2: 200 }), strike(2, [600, 650], { 1: 800 })];
    assert.deepEqual(figures(strikes), [
      [undefined, undefined],
      [undefined, 150],
    ]);
  });

  it("is never less than nothing, for a device may be well before its fault is over", () => {
    assert.deepEqual(figures([strike(1, [0, 100], { 1: 50 })]), [[0, 0]]);
  });

  it("has quantiles over all faults", () => {
    const strikes = [10, 20, 30].map((ms, index) =>
      strike(index, [index * 1_000, index * 1_000], { 1: index * 1_000 + ms }),
    );
    const never = strike(9, [9_000, 9_000], { 1: undefined });
    assert.deepEqual(recoveryQuantiles(measureRecoveries([...strikes, never])), {
      p50: 20,
      p99: 30,
      p999: 30,
      max: 30,
    });
    assert.equal(recoveryQuantiles(measureRecoveries([never])), undefined);
  });
});
