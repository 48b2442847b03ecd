import { type RawServerCalls, rawServerModule } from "../baseline/raw-server-calls.js";
import { toDistribution } from "../figures/bars.js";
import type { Joined, SubscribeRequest } from "../generator/generator-calls.js";
import { type Acks, type Logged, type Sent, textBytes } from "../generator/workload.js";
import type { Distribution } from "../result.js";
import type { Outcome, ScenarioDeps } from "../scenario.js";
import type { RaisedLimits } from "../stage/bare-stage.js";
import { type CpuMs, toCpuFigures } from "../stage/cpu.js";
import { dealOut } from "../stage/crew.js";
import { forkGenerators, type Generators } from "../stage/generators.js";
import { describeVersions } from "../stage/machine.js";
import { forkHelper } from "../stage/processes.js";
import { playOnStage, type Stage } from "../stage/stage.js";
import type { GroupOptions } from "./options.js";
import type { GroupResult, RoundResult } from "./result.js";
import type { RoundReport } from "./round-report.js";
import { addUp, everybodySends, joinGroup, logOf, measureRound } from "./rounds.js";
import { summarize } from "./summary.js";
import { isFlawless, type Verdict } from "./verifier.js";

/** What a group does, again and again. */
export type Plan = Readonly<{
  scenario: string;
  members: number;
  /** How many of them send in a round. */
  senders: number;
  /** What they send in a round, which counts from 1. */
  sentIn(members: readonly Joined[], round: number): readonly Sent[];
  rounds: number;
  warmupRounds: number;
  acks: Acks;
  /** Processes among which the members are divided. */
  generators: number;
  raisedLimits: RaisedLimits;
  goals: GroupResult["goals"];
}>;

/** What is to be reached: raw time divided by total time. */
const goals = { ratio: 0.3 };

/** All members of a group, online, send one message each at once, again and again. */
export function runGroup(options: GroupOptions, deps: ScenarioDeps): Promise<Outcome<GroupResult>> {
  const everybody = { senders: options.members, sentIn: everybodySends, generators: 1 };
  return runPlan({ scenario: "group", ...options, ...everybody, raisedLimits: {}, goals }, deps);
}

/**
 * Measures rounds of a group. Beside each round, raw uWebSockets publishes the very bytes that the round delivered.
 * @throws Error if a part does not start, or ends early.
 */
export async function runPlan(plan: Plan, deps: ScenarioDeps): Promise<Outcome<GroupResult>> {
  const played = await playOnStage(plan, deps, (stage) => play(stage, plan, deps));
  const { measured, verdicts } = played.result;
  const { kind, verified, problems } = addUp(verdicts, played);
  if (kind === "flawed") return { kind, verified, problems };
  const counted = measured.slice(plan.warmupRounds);
  const reports = counted.map(({ report }) => report);
  const result: GroupResult = {
    scenario: plan.scenario,
    settings: toSettings(plan, deps),
    machine: deps.machine,
    versions: describeVersions(played.database),
    ...summarize(
      counted.map((round) => round.result),
      reports.at(-1)?.messages ?? [],
    ),
    goals: plan.goals,
    histograms: toHistograms(reports),
    verified,
  };
  return { kind: "measured", result, windows: reports.map(({ window }) => window) };
}

function toSettings(plan: Plan, { engine }: ScenarioDeps): GroupResult["settings"] {
  return {
    database: engine,
    members: plan.members,
    senders: plan.senders,
    rounds: plan.rounds,
    warmup_rounds: plan.warmupRounds,
    acks: plan.acks,
    generators: plan.generators,
    text_bytes: textBytes,
    raised_limits: plan.raisedLimits,
  };
}

function toHistograms(reports: readonly RoundReport[]): Distribution[] {
  return [
    toDistribution(
      "deliver",
      "ms",
      reports.flatMap(({ observations }) => observations),
    ),
    toDistribution(
      "ack",
      "ms",
      reports.flatMap(({ ackObservations }) => ackObservations),
    ),
  ];
}

type PlayedRound = Readonly<{ report: RoundReport; result: RoundResult }>;
type Rounds = { measured: readonly PlayedRound[]; verdicts: readonly Verdict[]; log: readonly Logged[] };

/** Ends with the first round that is not flawless. */
async function play(stage: Stage, plan: Plan, deps: ScenarioDeps): Promise<Rounds> {
  await using generators = forkGenerators(plan.generators, stage, deps);
  await using raw = await openRaw(stage, generators, plan);
  const members = await joinGroup(stage, generators, plan.senders);
  const measured: PlayedRound[] = [];
  const verdicts: Verdict[] = [];
  for (let round = 1; round <= plan.warmupRounds + plan.rounds; round++) {
    const sent = plan.sentIn(members, round);
    const firstSeq = stage.group.headSeq + 1n + BigInt((round - 1) * plan.senders);
    // A server that has just started may need more than the second after which it sends again what nobody acknowledges.
    const acks = round <= plan.warmupRounds ? "on" : plan.acks;
    const { report, cpu } = await measureRound(stage, generators, { sent, firstSeq, acks });
    verdicts.push(report.verdict);
    if (!isFlawless(report.verdict)) break;
    const result = toRoundResult(report, await raw.publish(report.messages), cpu);
    measured.push({ report, result });
    deps.progress(`${nameOf(round, plan)}: ${result.total_ms.toFixed(1)} ms, raw ${result.raw_ms.toFixed(1)} ms`);
  }
  await generators.call("leave", undefined);
  return { measured, verdicts, log: logOf(verdicts) };
}

/** The yardstick, with as many subscribers as there are members. */
async function openRaw(stage: Stage, generators: Generators, { senders }: Plan) {
  const raw = forkHelper<RawServerCalls>(rawServerModule, {
    ...stage.processOptions("raw"),
    profileDirectory: undefined,
  });
  const port = await raw.call("listen", undefined);
  const shares = dealOut(stage.credentials, generators.size).map(({ length }, index): SubscribeRequest => {
    return { port, subscribers: length, bytes: senders * 300, trigger: index === 0 ? "here" : "elsewhere" };
  });
  await generators.callInTurn("subscribeRaw", shares);
  return {
    /** Returns the milliseconds from the trigger to the last arrival. */
    async publish(messages: readonly Uint8Array[]): Promise<number> {
      await raw.call("load", { messages });
      await generators.call("prepareRaw", { messages });
      const parts = await generators.call("runRaw", undefined);
      const startUs = Math.min(...parts.map((part) => part.startUs ?? Number.POSITIVE_INFINITY));
      return (Math.max(...parts.map(({ lastUs }) => lastUs)) - startUs) / 1_000;
    },
    [Symbol.asyncDispose]: () => raw[Symbol.asyncDispose](),
  };
}

function nameOf(round: number, { warmupRounds, rounds }: Plan): string {
  return round <= warmupRounds ? `warm-up ${round}` : `round ${round - warmupRounds} of ${rounds}`;
}

function toRoundResult({ totalMs, deliver, ack, busyness, acks }: RoundReport, rawMs: number, cpu: CpuMs): RoundResult {
  return {
    total_ms: totalMs,
    raw_ms: rawMs,
    ratio: rawMs / totalMs,
    deliver_p50_ms: deliver.p50,
    deliver_p99_ms: deliver.p99,
    deliver_p999_ms: deliver.p999,
    deliver_max_ms: deliver.max,
    ack_p50_ms: ack.p50,
    ack_p99_ms: ack.p99,
    ack_max_ms: ack.max,
    acks,
    ...toCpuFigures(cpu),
    generator_cpu_ms: busyness.cpuMs,
    generator_busy_share: busyness.busyShare,
  };
}
