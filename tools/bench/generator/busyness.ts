/** What this process used while a clock ran. */
export type Busyness = Readonly<{
  /** Processor time of the whole process, kernel included, in milliseconds. */
  cpuMs: number;
  /** Share of the time in which its event loop did not wait, from 0 to 1. */
  busyShare: number;
}>;

/** Starts to measure this process; the returned function says what it used since then. */
export function watchBusyness(): () => Busyness {
  const cpu = process.cpuUsage();
  const loop = performance.eventLoopUtilization();
  return () => {
    const { user, system } = process.cpuUsage(cpu);
    return { cpuMs: (user + system) / 1000, busyShare: performance.eventLoopUtilization(loop).utilization };
  };
}

/** Of several processes: the processor time of all, and the share of the busiest. */
export function addUpBusyness(all: readonly Busyness[]): Busyness {
  return {
    cpuMs: all.reduce((sum, { cpuMs }) => sum + cpuMs, 0),
    busyShare: Math.max(...all.map(({ busyShare }) => busyShare)),
  };
}
