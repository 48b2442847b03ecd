import { sleep, systemClock } from "../../../runtime/clock.js";
import { toDistribution } from "../figures/bars.js";
import { createHistogram } from "../figures/histogram.js";
import { quantiles, type Weighted } from "../figures/statistics.js";
import { type Logged, textBytes } from "../generator/workload.js";
import type { RoundReport } from "../group/round-report.js";
import { addUp, everybodySends, joinGroup, logOf, measureRound } from "../group/rounds.js";
import { isFlawless, type Verdict } from "../group/verifier.js";
import type { Series } from "../result.js";
import type { Outcome, ScenarioDeps } from "../scenario.js";
import { type CpuMs, toCpuFigures } from "../stage/cpu.js";
import { forkGenerators } from "../stage/generators.js";
import { describeVersions } from "../stage/machine.js";
import { watchMemory } from "../stage/memory-watch.js";
import { playOnStage, type Stage } from "../stage/stage.js";
import type { PacedOptions } from "./options.js";
import type { PacedResult, PacedRound } from "./paced-result.js";

/** From the start of a round to the start of the next one, in milliseconds. */
const everyMs = 1_000;
/** Latencies that differ by less count as one, in milliseconds. */
const latencyUnitMs = 0.01;

/**
 * Rounds as of the group, one a second: a server that is a little too slow falls behind, and is further behind in each round. What a
 * round needs before the next one counts, and latencies count from when a round was to begin.
 * @throws Error if a part does not start, or ends early.
 */
export async function runPaced(options: PacedOptions, deps: ScenarioDeps): Promise<Outcome<PacedResult>> {
  const stageOptions = { members: options.members };
  const played = await playOnStage(stageOptions, deps, (stage) => play(stage, options, deps));
  const { rounds, deliveries, series, verdicts } = played.result;
  const { kind, verified, problems } = addUp(verdicts, played);
  if (kind === "flawed") return { kind, verified, problems };
  const last = rounds.at(-1);
  const result: PacedResult = {
    scenario: "group --paced",
    settings: {
      database: deps.engine,
      members: options.members,
      rounds: options.rounds,
      warmup_rounds: options.warmupRounds,
      every_ms: everyMs,
      text_bytes: textBytes,
      raised_limits: {},
    },
    machine: deps.machine,
    versions: describeVersions(played.database),
    rounds,
    deliver: quantiles(deliveries),
    elapsed_ms: (rounds.length - 1) * everyMs + (last ? last.late_ms + last.total_ms : 0),
    late_max_ms: Math.max(...rounds.map(({ late_ms }) => late_ms)),
    histograms: [toDistribution("deliver", "ms", deliveries)],
    series,
    verified,
  };
  return { kind: "measured", result };
}

type Play = {
  rounds: readonly PacedRound[];
  deliveries: readonly Weighted[];
  series: readonly Series[];
  verdicts: readonly Verdict[];
  log: readonly Logged[];
};

/** Ends with the first round that is not flawless. */
async function play(stage: Stage, options: PacedOptions, deps: ScenarioDeps): Promise<Play> {
  const { group, server } = stage;
  await using generators = forkGenerators(1, stage, deps);
  const members = await joinGroup(stage, generators, options.members);
  const verdicts: Verdict[] = [];
  const playRound = async () => {
    const round = verdicts.length + 1;
    const firstSeq = group.headSeq + 1n + BigInt((round - 1) * options.members);
    const measured = await measureRound(stage, generators, {
      sent: everybodySends(members, round),
      firstSeq,
      acks: "on",
    });
    verdicts.push(measured.report.verdict);
    return measured;
  };
  for (let round = 0; round < options.warmupRounds && verdicts.every(isFlawless); round++) await playRound();
  using memory = watchMemory("memory of the server", server.pid);
  const paced = await playPaced(options.rounds, {
    playRound,
    isSound: () => verdicts.every(isFlawless),
    progress: deps.progress,
  });
  await generators.call("leave", undefined);
  return { ...paced, series: memory.series(), verdicts, log: logOf(verdicts) };
}

type Pace = Readonly<{
  playRound(): Promise<{ report: RoundReport; cpu: CpuMs }>;
  isSound(): boolean;
  progress(line: string): void;
}>;

async function playPaced(count: number, { playRound, isSound, progress }: Pace) {
  const latencies = createHistogram(latencyUnitMs);
  const rounds: PacedRound[] = [];
  const firstMs = systemClock.monotonicMs() + everyMs;
  while (rounds.length < count && isSound()) {
    const dueMs = firstMs + rounds.length * everyMs;
    await sleep(systemClock, Math.max(0, dueMs - systemClock.monotonicMs()));
    const lateMs = Math.max(0, systemClock.monotonicMs() - dueMs); // a timer may run a little early
    const { report, cpu } = await playRound();
    for (const { value, count: deliveries } of report.observations) latencies.record(value + lateMs, deliveries);
    rounds.push(toPacedRound(report, cpu, lateMs));
    if (rounds.length % 10 === 0)
      progress(`${rounds.length} of ${count} rounds, the last one ${lateMs.toFixed(0)} ms late`);
  }
  return { rounds, deliveries: latencies.observations() };
}

function toPacedRound({ totalMs, deliver, busyness }: RoundReport, cpu: CpuMs, lateMs: number): PacedRound {
  return {
    late_ms: lateMs,
    total_ms: totalMs,
    deliver_p99_ms: deliver.p99 + lateMs,
    ...toCpuFigures(cpu),
    generator_cpu_ms: busyness.cpuMs,
  };
}
