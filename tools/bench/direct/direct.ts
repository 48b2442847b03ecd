import type { Holding } from "../generator/log-follower.js";
import { sharePace, toPace } from "../generator/pacemaker.js";
import { textBytes } from "../generator/workload.js";
import type { Engine, Outcome, ScenarioDeps } from "../scenario.js";
import type { BareStage } from "../stage/bare-stage.js";
import { type CpuUse, watchCpu } from "../stage/cpu.js";
import type { Pair } from "../stage/directs.js";
import { forkGenerators, type Generators } from "../stage/generators.js";
import { describeVersions } from "../stage/machine.js";
import { playOnPairs } from "../stage/pair-stage.js";
import { joinPairs, leavePairs } from "../stage/pair-stream.js";
import { judge } from "../stage/verdict.js";
import {
  type DirectResult,
  type DirectSettings,
  goals,
  mergeReports,
  type Stretch,
  summarizeLatencies,
  toDirectRound,
} from "./direct-result.js";
import type { DirectOptions } from "./options.js";

/** A server that has just started takes longer for everything. */
const warmupSecondsMax = 10;

/**
 * Pairs of users write to each other at a steady total rate. Latencies count from when a message was to be sent.
 * @throws Error if a part does not start, or ends early.
 */
export async function runDirect(options: DirectOptions, deps: ScenarioDeps): Promise<Outcome<DirectResult>> {
  const { result: played, ...stage } = await playOnPairs(options.pairs, deps, (bare, pairs) =>
    play(bare, pairs, options, deps),
  );
  const { kind, verified, problems } = judge({ ...played, devicesPerMessage: 2, rows: stage });
  if (kind === "flawed") return { kind, verified, problems };
  const result: DirectResult = {
    scenario: "direct",
    settings: toSettings(deps.engine, options),
    machine: deps.machine,
    versions: describeVersions(stage.database),
    rounds: played.rounds.map(({ messages, stretch, cpu }) => toDirectRound(messages, stretch, cpu)),
    ...summarizeLatencies(played.rounds.map(({ stretch }) => stretch)),
    goals,
    verified,
  };
  return { kind: "measured", result, windows: played.rounds.map(({ cpu }) => cpu.window) };
}

function toSettings(engine: Engine, options: DirectOptions): DirectSettings {
  return {
    database: engine,
    pairs: options.pairs,
    messages_per_second: options.messagesPerSecond,
    seconds: options.seconds,
    rounds: options.rounds,
    warmup_seconds: warmupSecondsOf(options),
    text_bytes: textBytes,
    generators: options.generators,
    raised_limits: {},
  };
}

function warmupSecondsOf({ seconds }: DirectOptions): number {
  return Math.min(warmupSecondsMax, seconds);
}

type Round = Readonly<{ messages: number; stretch: Stretch; cpu: CpuUse }>;

type Play = Readonly<{
  rounds: readonly Round[];
  sent: number;
  acked: number;
  holdings: readonly Holding[];
  problems: readonly string[];
}>;

/** Ends with the first stretch in which something went wrong. */
async function play(
  stage: BareStage,
  pairs: readonly Pair[],
  options: DirectOptions,
  deps: ScenarioDeps,
): Promise<Play> {
  const { progress } = deps;
  await using generators = forkGenerators(options.generators, stage, deps);
  progress(`logging in ${2 * pairs.length} users`);
  await joinPairs(generators, stage.server.port, pairs);
  // Alone in its conversation, and delivered before the next one: the gateway may deliver the first two out of order.
  const greetings = await playRound(stage, generators, pairs.length, options);
  const warmup = await playRound(stage, generators, options.messagesPerSecond * warmupSecondsOf(options), options);
  const rounds: Round[] = [];
  const all = () => [greetings, warmup, ...rounds];
  const problems = () => all().flatMap(({ stretch }) => stretch.problems);
  while (rounds.length < options.rounds && problems().length === 0) {
    const round = await playRound(stage, generators, options.messagesPerSecond * options.seconds, options);
    rounds.push(round);
    progress(`round ${rounds.length} of ${options.rounds}: ${describe(round)}`);
  }
  const sum = (value: (round: Round) => number) => all().reduce((total, round) => total + value(round), 0);
  return {
    rounds,
    sent: sum(({ messages }) => messages),
    acked: sum(({ stretch }) => stretch.acked),
    holdings: await leavePairs(generators),
    problems: problems(),
  };
}

async function playRound(
  stage: BareStage,
  generators: Generators,
  messages: number,
  { messagesPerSecond }: DirectOptions,
): Promise<Round> {
  const used = await watchCpu(stage);
  const paces = sharePace(toPace(messages, messagesPerSecond), generators.size);
  const reports = await generators.callEach(
    "runStream",
    paces.map((pace) => ({ pace })),
  );
  const cpu = await used();
  return { messages, cpu, stretch: mergeReports(reports) };
}

function describe({ messages, stretch, cpu }: Round): string {
  if (stretch.deliver.length === 0) return "nothing was delivered";
  const { ack, deliver } = toDirectRound(messages, stretch, cpu);
  return `ack p50 ${ack.p50.toFixed(2)} ms, p99 ${ack.p99.toFixed(1)} ms; deliver p50 ${deliver.p50.toFixed(2)} ms, p99 ${deliver.p99.toFixed(1)} ms`;
}
