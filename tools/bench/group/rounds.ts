import type { GeneratorCalls, RoundReport, RoundRequest } from "../generator/generator-calls.js";
import type { Logged } from "../generator/workload.js";
import type { Verified } from "../result.js";
import type { Played } from "../stage/bare-stage.js";
import { type CpuMs, watchCpu } from "../stage/cpu.js";
import type { forkHelper } from "../stage/processes.js";
import type { Stage } from "../stage/stage.js";
import { isFlawless, type Verdict } from "./verifier.js";

export type Generator = ReturnType<typeof forkHelper<GeneratorCalls>>;

export type MeasuredRound = Readonly<{ report: RoundReport; cpu: CpuMs }>;

/** The server's processor time is read as soon as it has read the last ack, and before anything that was held back leaves. */
export async function measureRound(stage: Stage, generator: Generator, request: RoundRequest): Promise<MeasuredRound> {
  const used = await watchCpu(stage);
  await generator.call("runRound", request);
  const [cpu, report] = await Promise.all([used(), generator.call("reportRound", undefined)]);
  return { report, cpu };
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
