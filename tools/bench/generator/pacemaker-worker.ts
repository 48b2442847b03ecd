import { parentPort, workerData } from "node:worker_threads";
import { machineUs } from "./machine-clock.js";
import type { Pace } from "./pacemaker.js";

/** More beats than this would cost more than they are worth, in microseconds. */
const beatMinUs = 250;

/** Nobody writes here: waiting for it is a sleep that is exact to some 0.1 ms. */
const cell = new Int32Array(new SharedArrayBuffer(4));
const { startUs, intervalUs, steps } = workerData as Pace;
const lastUs = startUs + (steps - 1) * intervalUs;

for (let dueUs = startUs; dueUs < lastUs; dueUs += Math.max(intervalUs, beatMinUs)) beatAt(dueUs);
beatAt(lastUs);

function beatAt(dueUs: number): void {
  for (let aheadUs = dueUs - machineUs(); aheadUs > 0; aheadUs = dueUs - machineUs()) {
    Atomics.wait(cell, 0, 0, aheadUs / 1_000);
  }
  parentPort?.postMessage(undefined);
}
