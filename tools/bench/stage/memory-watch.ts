import type { Series } from "../result.js";
import { roughlyResidentBytesOf } from "./process-memory.js";

const everyMs = 1_000;

/** The memory of a process over time. */
export interface MemoryWatch extends Disposable {
  /** So far, as a list of one; empty where the system does not tell (not Linux). */
  series(): Series[];
}

/** Looks once a second how much of the machine's memory a process holds, until it is disposed of. */
export function watchMemory(name: string, pid: number): MemoryWatch {
  const points: [seconds: number, value: number][] = [];
  const startMs = performance.now();
  const look = () => {
    const bytes = roughlyResidentBytesOf(pid);
    if (bytes !== undefined) points.push([(performance.now() - startMs) / 1_000, bytes]);
  };
  look();
  const timer = setInterval(look, everyMs);
  return {
    series: () => (points.length === 0 ? [] : [{ name, unit: "bytes", points }]),
    [Symbol.dispose]: () => clearInterval(timer),
  };
}
