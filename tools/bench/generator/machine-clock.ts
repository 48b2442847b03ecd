/** The monotonic clock that all processes of the machine share, in microseconds. */
export function machineUs(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

/** From this process's own clock, `performance.now()`. */
export function toMachineUs(ms: number): number {
  return machineUs() + (ms - performance.now()) * 1000;
}

/** To this process's own clock, `performance.now()`. */
export function fromMachineUs(us: number): number {
  return performance.now() + (us - machineUs()) / 1000;
}
