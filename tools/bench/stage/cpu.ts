import type { Window } from "../generator/generator-calls.js";
import { machineUs } from "../generator/machine-clock.js";
import type { BareStage } from "./bare-stage.js";

/** Processor time in milliseconds; undefined where the system does not tell. */
export type CpuMs = Readonly<{ server: number | undefined; database: number | undefined }>;

/** What was used, and in which time. */
export type CpuUse = CpuMs & Readonly<{ window: Window }>;

/**
 * Starts to measure server and database; the returned function says what they used since then. The server's time is read as soon
 * as that is called.
 */
export async function watchCpu({ server, database }: Pick<BareStage, "server" | "database">) {
  const databaseUsed = await database.watchCpu();
  const fromUs = machineUs();
  const before = server.cpuMs();
  return async (): Promise<CpuUse> => {
    const window = { fromUs, toUs: machineUs() };
    const after = server.cpuMs();
    const serverMs = after === undefined || before === undefined ? undefined : after - before;
    return { server: serverMs, database: await databaseUsed(), window };
  };
}

/** As scenarios write it: what is not known is left out. */
export function toCpuFigures(cpu: CpuMs): { server_cpu_ms?: number; database_cpu_ms?: number } {
  return {
    ...(cpu.server === undefined ? {} : { server_cpu_ms: cpu.server }),
    ...(cpu.database === undefined ? {} : { database_cpu_ms: cpu.database }),
  };
}
