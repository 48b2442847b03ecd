import { sleep, systemClock } from "../../../runtime/clock.js";
import type { Inspector } from "../stage/inspector.js";
import { residentMemoryOf } from "../stage/process-memory.js";

/** What a process holds, in bytes, after everything was collected that can be. */
export type Memory = Readonly<{
  /** Pages in memory, as the kernel counts them: the whole of it. */
  resident_bytes: number;
  /** The same, with pages that are shared with other processes divided among them. Not told outside Linux. */
  proportional_bytes?: number;
  /** Objects in V8's heap. */
  heap_bytes: number;
  /** What V8 has set aside for more of them. */
  heap_free_bytes: number;
  /** Outside of the heap, and held by objects in it: the contents of buffers. */
  external_bytes: number;
  /** The rest: memory of uWebSockets, of V8 besides its heap, and what the allocator keeps to itself. */
  other_bytes: number;
}>;

/** The first collection lets go of what holds others; what its finalizers free is gone after the last one. */
const collections = 3;
const pauseMs = 200;

export async function measureMemory(pid: number, inspector: Inspector, signal: AbortSignal): Promise<Memory> {
  for (let done = 0; done < collections; done++) {
    await inspector.collectGarbage();
    await sleep(systemClock, pauseMs, signal);
  }
  const { rss, heapUsed, heapTotal, external } = await inspector.memoryUsage();
  const resident = residentMemoryOf(pid);
  const residentBytes = resident?.residentBytes ?? rss;
  return {
    resident_bytes: residentBytes,
    ...(resident ? { proportional_bytes: resident.proportionalBytes } : {}),
    heap_bytes: heapUsed,
    heap_free_bytes: heapTotal - heapUsed,
    external_bytes: external,
    other_bytes: residentBytes - heapTotal - external,
  };
}

/** What each of `connections` has added. Pure. */
export function perConnection(loaded: Memory, empty: Memory, connections: number): Memory {
  const of = (name: keyof Memory) => ((loaded[name] ?? Number.NaN) - (empty[name] ?? Number.NaN)) / connections;
  const isTold = loaded.proportional_bytes !== undefined && empty.proportional_bytes !== undefined;
  return {
    resident_bytes: of("resident_bytes"),
    ...(isTold ? { proportional_bytes: of("proportional_bytes") } : {}),
    heap_bytes: of("heap_bytes"),
    heap_free_bytes: of("heap_free_bytes"),
    external_bytes: of("external_bytes"),
    other_bytes: of("other_bytes"),
  };
}
