import { readFileSync } from "node:fs";
import type { Series } from "../result.js";

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
    const bytes = residentBytesOf(pid);
    if (bytes !== undefined) points.push([(performance.now() - startMs) / 1_000, bytes]);
  };
  look();
  const timer = setInterval(look, everyMs);
  return {
    series: () => (points.length === 0 ? [] : [{ name, unit: "bytes", points }]),
    [Symbol.dispose]: () => clearInterval(timer),
  };
}

/** Memory that a process holds in RAM; undefined if the system does not tell. Source: proc(5), `VmRSS` in kibibytes. */
function residentBytesOf(pid: number): number | undefined {
  try {
    const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return kib === undefined ? undefined : Number(kib) * 1_024;
  } catch {
    return undefined;
  }
}
