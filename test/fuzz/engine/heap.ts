import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** What this thread holds once everything that can be is given back, in bytes, buffers included. */
export function heapBytes(): number {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  collect();
  collect(); // the first may only end a marking that began while the garbage was still in use
  const { used_heap_size, external_memory } = getHeapStatistics();
  return used_heap_size + external_memory;
}
