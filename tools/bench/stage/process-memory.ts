import { readFileSync } from "node:fs";

/** What the kernel has given a process, in bytes. Buffers of its sockets are the kernel's own and not among it. */
export type ResidentMemory = Readonly<{
  /** All pages of it that are in memory. */
  residentBytes: number;
  /** The same, with pages that several processes share divided among them. */
  proportionalBytes: number;
}>;

/**
 * Counted page by page, which stops the process for a moment: not to be asked while a clock runs. Undefined where the system does not
 * tell (not Linux). Source: the kernel's documentation of /proc/<pid>/smaps_rollup.
 */
export function residentMemoryOf(pid: number): ResidentMemory | undefined {
  const [residentBytes, proportionalBytes] = readBytes(`/proc/${pid}/smaps_rollup`, ["Rss", "Pss"]) ?? [];
  if (residentBytes === undefined || proportionalBytes === undefined) return undefined;
  return { residentBytes, proportionalBytes };
}

/**
 * Pages in memory, at next to no cost, and off by a few of them for each thread. Undefined where the system does not tell. Source:
 * proc(5), `VmRSS`.
 */
export function roughlyResidentBytesOf(pid: number): number | undefined {
  return readBytes(`/proc/${pid}/status`, ["VmRSS"])?.[0];
}

/** Undefined if there is no such process any more, either. */
function readBytes(file: string, names: readonly string[]): (number | undefined)[] | undefined {
  try {
    const text = readFileSync(file, "utf8");
    return names.map((name) => {
      const kib = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(text)?.[1];
      return kib === undefined ? undefined : Number(kib) * 1_024;
    });
  } catch {
    return undefined;
  }
}
