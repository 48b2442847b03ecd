import { median } from "../figures/statistics.js";
import { type Acks, type Logged, textBytes } from "../generator/workload.js";
import type { RoundSettings } from "../group/result.js";
import { addUp, everybodySends, joinGroup, logOf, type MeasuredRound, measureRound } from "../group/rounds.js";
import { isFlawless, type Verdict } from "../group/verifier.js";
import type { Verified } from "../result.js";
import type { Outcome, ScenarioDeps } from "../scenario.js";
import { forkGenerators } from "../stage/generators.js";
import { describeVersions, type Machine, type Versions } from "../stage/machine.js";
import { playOnStage, type Stage } from "../stage/stage.js";
import type { AcksOptions } from "./options.js";

/** What acknowledgements cost the server. As JSON, names tell units, as in GroupResult. */
export type AckCostResult = Readonly<{
  scenario: "acks";
  settings: RoundSettings;
  machine: Machine;
  versions: Versions;
  /** Two rounds each, one right after the other. */
  rounds: readonly AckCostPair[];
  /** The median of each number over the rounds. */
  median: AckCostPair;
  /** Processor time of the server for a delivery, with acks divided by without: of the two medians, and of each round. */
  ratio: { of_medians: number; min: number; max: number };
  /** Over all rounds, warm-up included. */
  verified: Verified;
}>;

export type AckCostPair = Readonly<{ off: AckCostRound; on: AckCostRound; ratio: number }>;

export type AckCostRound = Readonly<{
  /** From before the first send until the server had read the last ack. */
  server_cpu_ms: number;
  server_cpu_per_delivery_ns: number;
  total_ms: number;
  acks: number;
}>;

/**
 * Rounds as of the group, in turns with and without acks, on the same server and the same connections.
 * @throws Error if a part does not start, or ends early, or if the system does not tell processor time.
 */
export async function runAckCost(options: AcksOptions, deps: ScenarioDeps): Promise<Outcome<AckCostResult>> {
  const stageOptions = { members: options.members };
  const played = await playOnStage(stageOptions, deps, (stage) => play(stage, options, deps));
  const { pairs, verdicts } = played.result;
  const { kind, verified, problems } = addUp(verdicts, played);
  if (kind === "flawed") return { kind, verified, problems };
  const settings = {
    database: deps.engine,
    members: options.members,
    rounds: options.rounds,
    warmup_rounds: options.warmupRounds,
    text_bytes: textBytes,
    raised_limits: {},
  };
  const versions = describeVersions(played.database);
  const result = { scenario: "acks", settings, machine: deps.machine, versions, ...summarizePairs(pairs), verified };
  return { kind: "measured", result: result as AckCostResult };
}

/** @throws Error if there are no pairs. */
export function summarizePairs(pairs: readonly AckCostPair[]): Pick<AckCostResult, "rounds" | "median" | "ratio"> {
  const ratios = pairs.map(({ ratio }) => ratio);
  const [off, on] = [medianRound(pairs, "off"), medianRound(pairs, "on")];
  return {
    rounds: pairs,
    median: { off, on, ratio: median(ratios) },
    ratio: { of_medians: on.server_cpu_ms / off.server_cpu_ms, min: Math.min(...ratios), max: Math.max(...ratios) },
  };
}

function medianRound(pairs: readonly AckCostPair[], acks: Acks): AckCostRound {
  const of = (name: keyof AckCostRound) => median(pairs.map((pair) => pair[acks][name]));
  return {
    server_cpu_ms: of("server_cpu_ms"),
    server_cpu_per_delivery_ns: of("server_cpu_per_delivery_ns"),
    total_ms: of("total_ms"),
    acks: of("acks"),
  };
}

type Rounds = { pairs: readonly AckCostPair[]; verdicts: readonly Verdict[]; log: readonly Logged[] };

/** Which of the two comes first changes from pair to pair, so that neither always follows the other. */
const orders = [
  ["off", "on"],
  ["on", "off"],
] as const;

/** Ends with the first round that is not flawless. */
async function play(stage: Stage, options: AcksOptions, deps: ScenarioDeps): Promise<Rounds> {
  await using generators = forkGenerators(1, stage, deps);
  const members = await joinGroup(stage, generators, options.members);
  const verdicts: Verdict[] = [];

  async function playRound(acks: Acks): Promise<MeasuredRound> {
    const round = verdicts.length + 1;
    const firstSeq = stage.group.headSeq + 1n + BigInt((round - 1) * options.members);
    const measured = await measureRound(stage, generators, { sent: everybodySends(members, round), firstSeq, acks });
    verdicts.push(measured.report.verdict);
    return measured;
  }
  const isSound = () => verdicts.every(isFlawless);

  // A server that has just started may need more than the second after which it sends again what nobody acknowledges.
  for (let round = 0; round < options.warmupRounds && isSound(); round++) await playRound("on");
  const pairs: AckCostPair[] = [];
  while (pairs.length < options.rounds && isSound()) {
    const order = orders[pairs.length % 2] ?? orders[0];
    const rounds: Partial<Record<Acks, MeasuredRound>> = {};
    for (const acks of order) if (isSound()) rounds[acks] = await playRound(acks);
    if (!isSound() || !rounds.off || !rounds.on) break;
    const pair = toPair(rounds.off, rounds.on, options.members ** 2);
    pairs.push(pair);
    const [off, on] = [pair.off, pair.on].map((round) => `${round.server_cpu_per_delivery_ns.toFixed(0)} ns`);
    deps.progress(`round ${pairs.length} of ${options.rounds}: ${off} a delivery without acks, ${on} with`);
  }
  await generators.call("leave", undefined);
  return { pairs, verdicts, log: logOf(verdicts) };
}

function toPair(off: MeasuredRound, on: MeasuredRound, deliveries: number): AckCostPair {
  const rounds = { off: toRound(off, deliveries), on: toRound(on, deliveries) };
  return { ...rounds, ratio: rounds.on.server_cpu_ms / rounds.off.server_cpu_ms };
}

function toRound({ report, cpu }: MeasuredRound, deliveries: number): AckCostRound {
  if (cpu.server === undefined) throw new Error("this system does not tell how much processor time a process has used");
  return {
    server_cpu_ms: cpu.server,
    server_cpu_per_delivery_ns: (cpu.server * 1e6) / deliveries,
    total_ms: report.totalMs,
    acks: report.acks,
  };
}
