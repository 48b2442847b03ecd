import type { Joined, RoundRequest } from "../generator/generator-calls.js";
import { type Logged, messageOf, type Sent } from "../generator/workload.js";
import type { Verified } from "../result.js";
import type { Played } from "../stage/bare-stage.js";
import { type CpuMs, watchCpu } from "../stage/cpu.js";
import { dealOut } from "../stage/crew.js";
import type { Generators } from "../stage/generators.js";
import type { Stage } from "../stage/stage.js";
import { mergeParts, type RoundReport } from "./round-report.js";
import { isFlawless, type Verdict } from "./verifier.js";

export type MeasuredRound = Readonly<{ report: RoundReport; cpu: CpuMs }>;

/** Logs all members in, each generator its share. */
export async function joinGroup(
  { server, group, credentials }: Stage,
  generators: Generators,
  messages: number,
): Promise<readonly Joined[]> {
  const { conversationId } = group;
  const shares = dealOut(credentials, generators.size);
  const joined = await generators.callInTurn(
    "join",
    shares.map((share) => ({ port: server.port, conversationId, messages, credentials: share })),
  );
  return joined.flat();
}

/** Every member's message of a round, counted from 1. */
export function everybodySends(members: readonly Joined[], round: number): Sent[] {
  return members.map(({ userId, device }) => messageOf(round, userId, device));
}

/** The server's processor time is read as soon as it has read the last ack, and before anything that was held back leaves. */
export async function measureRound(
  stage: Stage,
  generators: Generators,
  request: RoundRequest,
): Promise<MeasuredRound> {
  await generators.call("prepareRound", request);
  const used = await watchCpu(stage);
  await generators.call("runRound", undefined);
  const [cpu, parts] = await Promise.all([used(), generators.call("reportRound", undefined)]);
  return { report: mergeParts(parts), cpu };
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
