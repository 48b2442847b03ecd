import type { GeneratorCalls, RoundReport, RoundRequest } from "../generator/generator-calls.js";
import type { Logged } from "../generator/workload.js";
import type { Verified } from "../result.js";
import type { forkHelper } from "../stage/processes.js";
import type { Played, Stage } from "../stage/stage.js";
import { isFlawless, type Verdict } from "./verifier.js";

export type Generator = ReturnType<typeof forkHelper<GeneratorCalls>>;

/** Processor time in milliseconds; undefined where the system does not tell. */
export type CpuMs = Readonly<{ server: number | undefined; database: number | undefined }>;

export type MeasuredRound = Readonly<{ report: RoundReport; cpu: CpuMs }>;

/** The server's processor time is read as soon as it has read the last ack, and before anything that was held back leaves. */
export async function measureRound(
  { server, database }: Stage,
  generator: Generator,
  request: RoundRequest,
): Promise<MeasuredRound> {
  const databaseUsed = await database.watchCpu();
  const before = server.cpuMs();
  await generator.call("runRound", request);
  const after = server.cpuMs();
  const [report, databaseMs] = await Promise.all([generator.call("reportRound", undefined), databaseUsed()]);
  const serverMs = after === undefined || before === undefined ? undefined : after - before;
  return { report, cpu: { server: serverMs, database: databaseMs } };
}

/** The log of all rounds, in the order of its seqs. */
export function logOf(verdicts: readonly Verdict[]): Logged[] {
  return verdicts.flatMap((verdict) => verdict.log);
}

/** What all rounds come to, and what is wrong with them or with the database, in words. */
export function addUp(
  verdicts: readonly Verdict[],
  { durableRows, problems }: Pick<Played<unknown>, "durableRows" | "problems">,
): { kind: "flawless" | "flawed"; verified: Verified; problems: readonly string[] } {
  const sum = (name: keyof Verified & keyof Verdict) => verdicts.reduce((total, verdict) => total + verdict[name], 0);
  const verified = {
    sent: sum("sent"),
    acked: sum("acked"),
    delivered: sum("delivered"),
    lost: sum("lost"),
    duplicated: sum("duplicated"),
    reordered: sum("reordered"),
    durable_rows: durableRows,
  };
  const all = [...verdicts.flatMap((verdict) => verdict.problems), ...problems];
  const isGood = all.length === 0 && verdicts.every(isFlawless) && durableRows === verified.sent;
  return { kind: isGood ? "flawless" : "flawed", verified, problems: all };
}
