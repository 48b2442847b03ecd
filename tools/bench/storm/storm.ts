import { invalid } from "../flags.js";
import { textBytes } from "../generator/workload.js";
import type { Outcome, ScenarioDeps } from "../scenario.js";
import { describeVersions } from "../stage/machine.js";
import type { StormOptions } from "./options.js";
import {
  goals,
  type SeenStorm,
  type StormResult,
  type StormSettings,
  summarizeStorms,
  toStormRound,
} from "./storm-result.js";
import { createStormServer, type StormServer } from "./storm-server.js";
import { type OfEach, playOnBoth, raisedLimitsOf, type StormStage, type Variant } from "./storm-stage.js";
import { type Given, judgeStorms } from "./storm-verdict.js";

/** Rounds before those that count: devices log in for the first time, and code is compiled. */
const warmupRounds = 1;

/** Which server has its storm first changes from round to round. */
const orders: readonly (readonly Variant[])[] = [
  ["without", "with"],
  ["with", "without"],
];

/**
 * Thousands of devices come at once and catch up while pairs write to each other, in turns on a server with and one without service
 * threads.
 * @throws TidewireError `INVALID_ARGUMENT` if the number of threads is set in another way, too.
 * @throws Error if a part does not start, or ends early.
 */
export async function runStorm(options: StormOptions, deps: ScenarioDeps): Promise<Outcome<StormResult>> {
  if (deps.serverSettings.serviceThreads !== undefined)
    throw invalid("storm sets serviceThreads itself: give --threads instead of --server serviceThreads");
  const { result: played, database, rows } = await playOnBoth(options, deps, (stages) => play(stages, options, deps));
  const judged = judgeStorms(played, rows, options);
  if (judged.kind === "flawed") return judged;
  const result: StormResult = {
    scenario: "storm",
    settings: toSettings(options, deps),
    machine: deps.machine,
    versions: describeVersions(database),
    ...summarizeStorms(played.storms),
    goals,
    verified: judged.verified,
  };
  const windows = played.storms.flatMap((storm) => [storm.without.cpu.window, storm.with.cpu.window]);
  return { kind: "measured", result, windows };
}

function toSettings(options: StormOptions, { engine }: ScenarioDeps): StormSettings {
  return {
    database: engine,
    devices: options.devices,
    group_members: options.groupMembers,
    messages: options.messages,
    service_threads: options.threads,
    pairs: options.pairs,
    messages_per_second: options.messagesPerSecond,
    rounds: options.rounds,
    warmup_rounds: warmupRounds,
    logins: options.logins,
    text_bytes: textBytes,
    generators: options.generators,
    raised_limits: raisedLimitsOf(options),
  };
}

type Play = OfEach<Given> & Readonly<{ storms: readonly OfEach<SeenStorm>[] }>;

/** Ends with the first round in which something went wrong. */
async function play(stages: OfEach<StormStage>, options: StormOptions, deps: ScenarioDeps): Promise<Play> {
  await using without = createStormServer(stages.without, options, deps);
  await using withThreads = createStormServer(stages.with, options, deps);
  const servers = { without, with: withThreads };
  deps.progress(`logging in ${4 * options.pairs} users`);
  await without.open();
  await withThreads.open();
  const storms: OfEach<SeenStorm>[] = [];
  const hasProblems = () => without.problems.length + withThreads.problems.length > 0;
  while (storms.length < warmupRounds + options.rounds && !hasProblems()) {
    const storm = await playRound(servers, orders[storms.length % 2] ?? []);
    storms.push(storm);
    const name =
      storms.length > warmupRounds ? `round ${storms.length - warmupRounds} of ${options.rounds}` : "warm-up";
    deps.progress(`${name}: ${describe(storm.without)}; with service threads ${describe(storm.with)}`);
  }
  const visits = storms.length * options.devices;
  return {
    storms: storms.slice(warmupRounds),
    without: { ...(await without.close()), visits, problems: without.problems },
    with: { ...(await withThreads.close()), visits, problems: withThreads.problems },
  };
}

async function playRound(servers: OfEach<StormServer>, order: readonly Variant[]): Promise<OfEach<SeenStorm>> {
  const seen = new Map<Variant, SeenStorm>();
  for (const variant of order) seen.set(variant, await servers[variant].storm().catch(blame(variant)));
  const [without, withThreads] = [seen.get("without"), seen.get("with")];
  if (!without || !withThreads) throw new Error("a round has a storm on each server");
  return { without, with: withThreads };
}

/** The reason alone would not tell which of the servers it was. */
function blame(variant: Variant): (cause: unknown) => never {
  return (cause) => {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`${variant} service threads: ${reason}`, { cause });
  };
}

function describe(seen: SeenStorm): string {
  const { storm_ms, live_deliver, event_loop_delay_p99_ms } = toStormRound(seen);
  return `storm ${storm_ms.toFixed(0)} ms, live p99 ${live_deliver.p99.toFixed(0)} ms, loop delay p99 ${event_loop_delay_p99_ms.toFixed(0)} ms`;
}
