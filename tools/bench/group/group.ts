import { type RawServerCalls, rawServerModule } from "../baseline/raw-server-calls.js";
import { toDistribution } from "../figures/bars.js";
import { type GeneratorCalls, generatorModule, type RoundReport } from "../generator/generator-calls.js";
import { type Logged, textBytes } from "../generator/workload.js";
import type { Distribution } from "../result.js";
import type { Outcome, ScenarioDeps } from "../scenario.js";
import { type CpuMs, toCpuFigures } from "../stage/cpu.js";
import { describeVersions } from "../stage/machine.js";
import { forkHelper } from "../stage/processes.js";
import { playOnStage, type Stage } from "../stage/stage.js";
import type { GroupOptions } from "./options.js";
import type { GroupResult, RoundResult } from "./result.js";
import { addUp, logOf, measureRound } from "./rounds.js";
import { summarize } from "./summary.js";
import { isFlawless, type Verdict } from "./verifier.js";

/**
 * All members of a group, online, send one message each at once, again and again. Beside each round, raw uWebSockets
 * publishes the very bytes that the round delivered.
 * @throws Error if a part does not start, or ends early.
 */
export async function runGroup(options: GroupOptions, deps: ScenarioDeps): Promise<Outcome<GroupResult>> {
  const { warmupRounds } = options;
  const played = await playOnStage(options, deps, (stage) => play(stage, options, deps));
  const { measured, verdicts } = played.result;
  const { kind, verified, problems } = addUp(verdicts, played);
  if (kind === "flawed") return { kind, verified, problems };
  const counted = measured.slice(warmupRounds);
  const result: GroupResult = {
    scenario: "group",
    settings: {
      database: deps.engine,
      members: options.members,
      rounds: options.rounds,
      warmup_rounds: warmupRounds,
      acks: options.acks,
      text_bytes: textBytes,
      raised_limits: {},
    },
    machine: deps.machine,
    versions: describeVersions(played.database),
    ...summarize(
      counted.map(({ result }) => result),
      counted.at(-1)?.report.messages ?? [],
    ),
    histograms: toHistograms(counted.map(({ report }) => report)),
    verified,
  };
  const { profileDirectory: directory } = options;
  if (directory === undefined) return { kind: "measured", result };
  return { kind: "measured", result, profile: { directory, windows: counted.map(({ report }) => report.window) } };
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
async function play(stage: Stage, options: GroupOptions, { progress }: ScenarioDeps): Promise<Rounds> {
  const { group, server, credentials } = stage;
  await using generator = forkHelper<GeneratorCalls>(generatorModule, stage.processOptions("generator"));
  await using raw = forkHelper<RawServerCalls>(rawServerModule, {
    ...stage.processOptions("raw"),
    profileDirectory: undefined,
  });
  await generator.call("join", { port: server.port, conversationId: group.conversationId, credentials });
  const port = await raw.call("listen", undefined);
  await generator.call("subscribeRaw", { port, subscribers: options.members, bytes: options.members * 300 });
  const measured: PlayedRound[] = [];
  const verdicts: Verdict[] = [];
  for (let round = 1; round <= options.warmupRounds + options.rounds; round++) {
    const firstSeq = group.headSeq + 1n + BigInt((round - 1) * options.members);
    // A server that has just started may need more than the second after which it sends again what nobody acknowledges.
    const acks = round <= options.warmupRounds ? "on" : options.acks;
    const { report, cpu } = await measureRound(stage, generator, { round, firstSeq, acks });
    verdicts.push(report.verdict);
    if (!isFlawless(report.verdict)) break;
    const { messages } = report;
    await raw.call("load", { messages });
    const { totalMs } = await generator.call("runRawRound", { messages });
    const result = toRoundResult(report, totalMs, cpu);
    measured.push({ report, result });
    progress(`${nameOf(round, options)}: ${result.total_ms.toFixed(1)} ms, raw ${result.raw_ms.toFixed(1)} ms`);
  }
  await generator.call("leave", undefined);
  return { measured, verdicts, log: logOf(verdicts) };
}

function nameOf(round: number, { warmupRounds, rounds }: GroupOptions): string {
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
