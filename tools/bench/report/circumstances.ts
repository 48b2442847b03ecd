import type { BenchResult, Verified } from "../result.js";

/** Where it ran and what ran. */
export function toCircumstances({ machine, versions }: Pick<BenchResult, "machine" | "versions">): string[] {
  const gib = (machine.memory_bytes / 2 ** 30).toFixed(0);
  return [
    `  ${machine.cores} × ${machine.cpu}, ${gib} GiB, ${machine.system}, load before ${machine.load_before.toFixed(1)}`,
    `  Tidewire ${versions.tidewire} (${versions.commit}), Node ${versions.node}, uWebSockets ${versions.uwebsockets}, protobuf-es ${versions.protobuf_es}`,
  ];
}

/** What makes the figures doubtful. */
export function toWarnings(machine: BenchResult["machine"]): string[] {
  if (!isLoaded(machine)) return [];
  return ["  others were at work on this machine: run it again when it is quiet"];
}

/** Whether others were at work on the machine before the benchmark began. */
export function isLoaded({ cores, load_before }: BenchResult["machine"]): boolean {
  return load_before > cores / 2;
}

/** The sums of a verification, good or bad. */
export function toVerification(verified: Verified): string {
  const { sent, acked, delivered, lost, duplicated, reordered, durable_rows } = verified;
  return (
    `verified: ${sent} sent, ${acked} acked, ${delivered} delivered, ${lost} lost, ${duplicated} duplicated, ` +
    `${reordered} reordered, ${durable_rows} rows in the database`
  );
}

/** Limits of the server that were raised, by name. */
export function listLimits(limits: Readonly<Record<string, number>>): string {
  const raised = Object.entries(limits).map(([name, value]) => `${name} ${value}`);
  return raised.length === 0 ? "none" : raised.join(", ");
}
