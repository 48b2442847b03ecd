import { sleep, systemClock } from "../../../runtime/clock.js";
import { mergeReports, type Stretch } from "../direct/direct-result.js";
import { lastAckMs } from "../generator/delayed-ack.js";
import type { Holding } from "../generator/log-follower.js";
import { sharePace, toPace } from "../generator/pacemaker.js";
import { takeTurns } from "../generator/turns.js";
import { textBytes } from "../generator/workload.js";
import type { Engine, Outcome, ScenarioDeps } from "../scenario.js";
import type { BareStage } from "../stage/bare-stage.js";
import { type CpuMs, watchCpu } from "../stage/cpu.js";
import { type Crew, dealOut, forkCrew } from "../stage/crew.js";
import type { Pair } from "../stage/directs.js";
import { describeVersions } from "../stage/machine.js";
import { playOnPairs } from "../stage/pair-stage.js";
import { judge } from "../stage/verdict.js";
import { type LossDevicesCalls, lossDevicesModule } from "./loss-devices-calls.js";
import {
  goals,
  type LossResult,
  type LossSettings,
  type LossStretch,
  mergeLoss,
  summarizeLoss,
  toLossRound,
} from "./loss-result.js";
import type { LossOptions } from "./options.js";

const warmupSecondsMax = 5;

/**
 * Pairs of shipped clients write to each other while their connections are dropped again and again.
 * @throws Error if a part does not start, or ends early.
 */
export async function runLoss(options: LossOptions, deps: ScenarioDeps): Promise<Outcome<LossResult>> {
  const { result: played, ...stage } = await playOnPairs(options.pairs, deps, (bare, pairs) =>
    play(bare, pairs, options, deps),
  );
  const { kind, verified, problems } = judge({ ...played, devicesPerMessage: 2, rows: stage });
  if (kind === "flawed") return { kind, verified, problems };
  const result: LossResult = {
    scenario: "loss",
    settings: toSettings(deps.engine, options),
    machine: deps.machine,
    versions: describeVersions(stage.database),
    rounds: played.rounds.map(({ messages, stretch, cpu }) => toLossRound(messages, stretch, stretch, cpu)),
    ...summarizeLoss(
      played.rounds.map(({ stretch }) => stretch),
      played.rounds[0]?.startUs ?? 0,
    ),
    goals,
    verified,
  };
  return { kind: "measured", result };
}

function toSettings(engine: Engine, options: LossOptions): LossSettings {
  return {
    database: engine,
    pairs: options.pairs,
    messages_per_second: options.messagesPerSecond,
    drop_every_seconds: options.dropEverySeconds,
    seconds: options.seconds,
    rounds: options.rounds,
    warmup_seconds: warmupSecondsOf(options),
    text_bytes: textBytes,
    generators: options.generators,
    raised_limits: {},
  };
}

function warmupSecondsOf({ seconds }: LossOptions): number {
  return Math.min(warmupSecondsMax, seconds);
}

type Round = Readonly<{ messages: number; startUs: number; stretch: Stretch & LossStretch; cpu: CpuMs }>;

type Play = Readonly<{
  rounds: readonly Round[];
  sent: number;
  acked: number;
  holdings: readonly Holding[];
  problems: readonly string[];
}>;

type Processes = Crew<LossDevicesCalls>;

/** Ends with the first stretch in which something went wrong. */
async function play(
  stage: BareStage,
  pairs: readonly Pair[],
  options: LossOptions,
  { progress }: ScenarioDeps,
): Promise<Play> {
  const processOptions = stage.processOptions("devices");
  await using processes = forkCrew<LossDevicesCalls>(lossDevicesModule, options.generators, processOptions);
  progress(`logging in ${2 * pairs.length} users`);
  await join(processes, stage.server.port, pairs);
  const run = (seconds: number, dropEveryMs?: number) =>
    playMessages(stage, processes, options, { messages: seconds * options.messagesPerSecond, dropEveryMs });
  const warmup = await run(warmupSecondsOf(options));
  const rounds: Round[] = [];
  const all = () => [warmup, ...rounds];
  const problems = () => all().flatMap(({ stretch }) => stretch.problems);
  while (rounds.length < options.rounds && problems().length === 0) {
    const round = await run(options.seconds, 1_000 * options.dropEverySeconds);
    rounds.push(round);
    const { drops, recovery } = toLossRound(round.messages, round.stretch, round.stretch, round.cpu);
    progress(`round ${rounds.length} of ${options.rounds}: ${drops} drops, recovery p99 ${recovery.p99.toFixed(0)} ms`);
  }
  // Without drops: a new connection owes no acks for what came over an earlier one, so each is shown something once more.
  const farewell = await playMessages(stage, processes, options, {
    messages: 2 * pairs.length,
    dropEveryMs: undefined,
  });
  const sum = (value: (round: Round) => number) =>
    [...all(), farewell].reduce((total, round) => total + value(round), 0);
  return {
    rounds,
    sent: sum(({ messages }) => messages),
    acked: sum(({ stretch }) => stretch.acked),
    holdings: await takeLeave(processes),
    problems: [...problems(), ...farewell.stretch.problems],
  };
}

async function join(processes: Processes, port: number, pairs: readonly Pair[]): Promise<void> {
  const shares = dealOut(pairs, processes.size);
  await processes.callInTurn(
    "join",
    shares.map((share) => ({ port, textBytes, seats: takeTurns(share, Math.random) })),
  );
}

async function playMessages(
  stage: BareStage,
  processes: Processes,
  { messagesPerSecond }: LossOptions,
  { messages, dropEveryMs }: { messages: number; dropEveryMs: number | undefined },
): Promise<Round> {
  const used = await watchCpu(stage);
  const pace = toPace(messages, messagesPerSecond);
  const paces = sharePace(pace, processes.size);
  const reports = await processes.callEach(
    "run",
    paces.map((own) => ({ pace: own, dropEveryMs })),
  );
  const cpu = await used();
  return { messages, startUs: pace.startUs, stretch: { ...mergeReports(reports), ...mergeLoss(reports) }, cpu };
}

async function takeLeave(processes: Processes): Promise<Holding[]> {
  await sleep(systemClock, lastAckMs);
  const holdings = await processes.call("report", undefined);
  await processes.call("leave", undefined);
  return holdings.flat();
}
