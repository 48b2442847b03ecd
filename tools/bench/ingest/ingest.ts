import { sleep, systemClock } from "../../../runtime/clock.js";
import { variableOf } from "../../../runtime/config.js";
import { configOptions } from "../../../runtime/config-options.js";
import type { Store } from "../../../services/store/store.js";
import type { StraightReport } from "../baseline/straight-append-calls.js";
import { quantilesOrInfinite } from "../figures/statistics.js";
import { lastAckMs } from "../generator/delayed-ack.js";
import type { Seat } from "../generator/generator-calls.js";
import type { Holding } from "../generator/log-follower.js";
import { textBytes } from "../generator/workload.js";
import type { Engine, Outcome, ScenarioDeps } from "../scenario.js";
import { type BareStage, playOnBareStage } from "../stage/bare-stage.js";
import { type CpuMs, type CpuUse, toCpuFigures, watchCpu } from "../stage/cpu.js";
import { dealOut } from "../stage/crew.js";
import { openDirects, type Pair } from "../stage/directs.js";
import { findBehind, verifyLogs } from "../stage/durable-logs.js";
import type { RowsVerdict } from "../stage/durable-rows.js";
import { forkGenerators, type Generators } from "../stage/generators.js";
import { describeVersions } from "../stage/machine.js";
import { judge } from "../stage/verdict.js";
import {
  goals,
  type IngestResult,
  type IngestRound,
  type IngestSettings,
  type IngestStretch,
  mergeIngest,
  type StraightRound,
  summarizeIngest,
  toRate,
  toSeries,
} from "./ingest-result.js";
import type { IngestOptions } from "./options.js";
import { openStraightAppend, type StraightAppend } from "./straight.js";

/** What one user may send is not what is measured. */
const raisedLimits = { messageBurst: 1_000_000, messageRatePerSecond: 1_000_000 };
const warmupSecondsMax = 10;
const lanes = configOptions.lanes.default;

/**
 * Senders that each have a few messages under way, and send another one for each that is stored. Their peers are offline, so
 * that storing is measured and not delivering.
 * @throws Error if a part does not start, or ends early.
 */
export async function runIngest(options: IngestOptions, deps: ScenarioDeps): Promise<Outcome<IngestResult>> {
  const stageOptions = { members: 4 * options.connections, raisedLimits };
  const { result: played, ...stage } = await playOnBareStage(stageOptions, deps, {
    prepare: async (store, credentials) => seatSenders(await openDirects(store, credentials)),
    play: (bare, seats) => play(bare, seats, options, deps),
    verify: verifyAll,
  });
  const { rounds, holdings, problems } = played;
  const { kind, verified, ...flaws } = judge({ ...played, holdings, devicesPerMessage: 1, rows: stage, problems });
  if (kind === "flawed") return { kind, verified, ...flaws };
  const ack = rounds.flatMap(({ stretch }) => stretch.ack);
  const result: IngestResult = {
    scenario: "ingest",
    settings: toSettings(deps.engine, options),
    machine: deps.machine,
    versions: describeVersions(stage.database),
    rounds: rounds.map(toRound),
    ...summarizeIngest(rounds.map(toRound), ack, played.batchMessages),
    series: toAllSeries(rounds),
    goals,
    verified,
  };
  return { kind: "measured", result, windows: rounds.map(({ cpu }) => cpu.window) };
}

/** One of each pair sends, and the other is never online. Half of the senders are the server's, half the baseline's. */
function seatSenders(pairs: readonly Pair[]): Seats {
  const senders = pairs.map(([sender]) => sender);
  return { own: senders.slice(0, senders.length / 2), straight: senders.slice(senders.length / 2) };
}

type Seats = Readonly<{ own: readonly Seat[]; straight: readonly Seat[] }>;

async function verifyAll({ sql }: Store, played: Play, seats: Seats): Promise<RowsVerdict> {
  const own = await verifyLogs(sql, { seats: seats.own, holdings: played.holdings, textBytes });
  const straight = await verifyLogs(sql, { seats: seats.straight, holdings: played.straightHoldings, textBytes });
  const isComplete = straight.durableRows === played.straightMessages;
  const missing = isComplete ? [] : [`the database has ${straight.durableRows} rows of the baseline`];
  const behind = await findBehind(sql, seats.own);
  return { durableRows: own.durableRows, problems: [...own.problems, ...behind, ...straight.problems, ...missing] };
}

function toSettings(engine: Engine, options: IngestOptions): IngestSettings {
  return {
    database: engine,
    connections: options.connections,
    window: options.window,
    seconds: options.seconds,
    rounds: options.rounds,
    warmup_seconds: warmupSecondsOf(options),
    text_bytes: textBytes,
    generators: options.generators,
    lanes,
    raised_limits: raisedLimits,
  };
}

function warmupSecondsOf({ seconds }: IngestOptions): number {
  return Math.min(warmupSecondsMax, seconds);
}

type Straight = Readonly<{ report: StraightReport; cpu: CpuMs }>;
type Round = Readonly<{ stretch: IngestStretch; cpu: CpuUse; straight: Straight | undefined }>;

type Play = Readonly<{
  rounds: readonly Round[];
  sent: number;
  acked: number;
  holdings: readonly Holding[];
  problems: readonly string[];
  /** Of the baseline. */
  batchMessages: number | undefined;
  straightMessages: number;
  straightHoldings: readonly Holding[];
}>;

/** Ends with the first round in which something went wrong. */
async function play(stage: BareStage, seats: Seats, options: IngestOptions, deps: ScenarioDeps): Promise<Play> {
  const { progress } = deps;
  await using generators = forkGenerators(options.generators, stage, deps);
  progress(`logging in ${seats.own.length} senders`);
  await join(generators, stage.server.port, seats.own, options);
  await using straight = await openBaseline(stage, seats.straight, options, deps);
  const stretches = [await send(generators, warmupSecondsOf(options))];
  const rounds: Round[] = [];
  const problems = () => stretches.flatMap((stretch) => stretch.problems);
  while (rounds.length < options.rounds && problems().length === 0) {
    const round = await playRound(stage, generators, straight, options.seconds);
    stretches.push(round.stretch);
    rounds.push(round);
    progress(`round ${rounds.length} of ${options.rounds}: ${describe(toRound(round))}`);
  }
  await sleep(systemClock, lastAckMs);
  return {
    rounds,
    sent: stretches.reduce((sum, { sent }) => sum + sent, 0),
    acked: stretches.reduce((sum, { acked }) => sum + acked, 0),
    holdings: await takeLeave(generators),
    problems: problems(),
    batchMessages: straight?.batchMessages,
    straightMessages: straight?.messages ?? 0,
    straightHoldings: (await straight?.finish()) ?? [],
  };
}

async function join(generators: Generators, port: number, seats: readonly Seat[], { window }: IngestOptions) {
  const shares = dealOut(seats, generators.size);
  await generators.callInTurn(
    "joinIngest",
    shares.map((share) => ({ port, textBytes, seats: share, window })),
  );
}

/** None for the embedded database, which belongs to the server's process. */
async function openBaseline(
  stage: BareStage,
  seats: readonly Seat[],
  { window }: IngestOptions,
  { progress }: ScenarioDeps,
): Promise<StraightAppend | undefined> {
  const databaseUrl = stage.database.env[variableOf("databaseUrl")];
  if (databaseUrl === undefined) return undefined;
  const straight = await openStraightAppend(stage, { databaseUrl, seats, lanes, perSender: window });
  progress(`the straight append is fastest with batches of ${straight.batchMessages} messages`);
  return straight;
}

async function send(generators: Generators, seconds: number): Promise<IngestStretch> {
  return mergeIngest(await generators.call("runIngest", { seconds }));
}

async function playRound(
  stage: BareStage,
  generators: Generators,
  straight: StraightAppend | undefined,
  seconds: number,
): Promise<Round> {
  const used = await watchCpu(stage);
  const stretch = await send(generators, seconds);
  const cpu = await used();
  if (!straight) return { stretch, cpu, straight: undefined };
  const straightUsed = await watchCpu(stage);
  const report = await straight.run(seconds);
  return { stretch, cpu, straight: { report, cpu: await straightUsed() } };
}

function toRound({ stretch, cpu, straight }: Round): IngestRound {
  return {
    messages_per_second: toRate(stretch),
    ack: quantilesOrInfinite(stretch.ack),
    ...toCpuFigures(cpu),
    generator_cpu_ms: stretch.generatorCpuMs,
    generator_busy_shares: stretch.busyShares,
    ...(straight === undefined ? {} : { straight: toStraightRound(straight) }),
  };
}

function toStraightRound({ report, cpu }: Straight): StraightRound {
  return {
    messages_per_second: (1_000 * report.messages) / report.elapsedMs,
    cpu_ms: report.busyness.cpuMs,
    busy_share: report.busyness.busyShare,
    ...(cpu.database === undefined ? {} : { database_cpu_ms: cpu.database }),
  };
}

function toAllSeries(rounds: readonly Round[]) {
  const startUs = rounds[0]?.stretch.startUs ?? 0;
  const straight = rounds.flatMap((round) => round.straight?.report ?? []);
  const own = toSeries(
    "stored",
    startUs,
    rounds.map(({ stretch }) => stretch),
  );
  return straight.length === 0 ? [own] : [own, toSeries("straight append", startUs, straight)];
}

function describe({ messages_per_second, straight }: IngestRound): string {
  const beside = straight ? `, straight ${straight.messages_per_second.toFixed(0)}` : "";
  return `${messages_per_second.toFixed(0)} messages a second${beside}`;
}

async function takeLeave(generators: Generators): Promise<Holding[]> {
  const holdings = await generators.call("reportIngest", undefined);
  await generators.call("leave", undefined);
  return holdings.flat();
}
