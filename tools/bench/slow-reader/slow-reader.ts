import { sleep, systemClock } from "../../../runtime/clock.js";
import { quantilesOrInfinite, type Weighted } from "../figures/statistics.js";
import { lastAckMs } from "../generator/delayed-ack.js";
import { type GeneratorCalls, generatorModule, type StreamReport } from "../generator/generator-calls.js";
import type { Holding } from "../generator/log-follower.js";
import { toPace } from "../generator/pacemaker.js";
import { type Logged, textOf } from "../generator/workload.js";
import type { Series } from "../result.js";
import type { Engine, Outcome, ScenarioDeps } from "../scenario.js";
import type { Handlers } from "../stage/calls.js";
import { describeVersions } from "../stage/machine.js";
import { watchMemory } from "../stage/memory-watch.js";
import { forkHelper } from "../stage/processes.js";
import { playOnStage, type Stage } from "../stage/stage.js";
import type { SlowReaderOptions } from "./options.js";
import { watchSlowCounts } from "./slow-counts.js";
import { type SlowDevicesCalls, slowDevicesModule } from "./slow-devices-calls.js";
import {
  type Deliveries,
  type Kind,
  type SlowReaderResult,
  type SlowReaderRound,
  type SlowReaderSettings,
  type Stretch,
  summarizeStretches,
} from "./slow-reader-result.js";

/** With the default of 10 a second, what was missed in a minute would take another one to catch up with. */
const raisedLimits = { syncRatePerSecond: 100 };
/** A server that has just started takes longer for everything. */
const warmupSeconds = 10;
/**
 * A steady stream of messages in a group, in turns with and without members that stop reading or read at a trickle. In both
 * kinds of rounds the same members are connected, on connections that are new.
 * @throws Error if a part does not start, or ends early.
 */
export async function runSlowReader(
  options: SlowReaderOptions,
  deps: ScenarioDeps,
): Promise<Outcome<SlowReaderResult>> {
  const stageOptions = { members: options.members, raisedLimits };
  const played = await playOnStage(stageOptions, deps, (stage) => play(stage, options, deps));
  const { rounds, log, sent, acked, holdings, problems, deliver, series } = played.result;
  const sum = (name: "applied" | "lost" | "repeated") => holdings.reduce((total, holding) => total + holding[name], 0);
  const verified = {
    sent,
    acked,
    delivered: sum("applied"),
    lost: sum("lost"),
    duplicated: log.length - new Set(log.map(({ sent: { senderId, clientId } }) => `${senderId} ${clientId}`)).size,
    reordered: holdings.filter(({ digest }) => digest !== holdings[0]?.digest).length,
    durable_rows: played.durableRows,
    repeated: sum("repeated"),
  };
  const all = [...problems, ...holdings.flatMap((holding) => holding.problems), ...played.problems];
  const isComplete = [log.length, acked, verified.durable_rows].every((count) => count === sent);
  const isSound = verified.delivered === sent * options.members && verified.duplicated + verified.reordered === 0;
  if (all.length > 0 || !isComplete || !isSound) return { kind: "flawed", verified, problems: all };
  const result: SlowReaderResult = {
    scenario: "slow-reader",
    settings: toSettings(deps.engine, options),
    machine: deps.machine,
    versions: describeVersions(played.database),
    ...summarizeStretches(rounds, deliver),
    series,
    verified,
  };
  return { kind: "measured", result };
}

function toSettings(engine: Engine, options: SlowReaderOptions): SlowReaderSettings {
  return {
    database: engine,
    members: options.members - options.slowReaders,
    slow_readers: options.slowReaders,
    rounds: options.rounds,
    messages_per_second: options.messagesPerSecond,
    text_bytes: options.textBytes,
    seconds: options.seconds,
    trickle_bytes_per_second: trickleOf(options),
    raised_limits: raisedLimits,
  };
}

/** Half of what comes: buffers fill, and can be emptied again before the round is over. */
function trickleOf({ messagesPerSecond, textBytes }: SlowReaderOptions): number {
  return Math.round((messagesPerSecond * textBytes) / 2);
}

type Play = {
  rounds: readonly SlowReaderRound[];
  deliver: Deliveries;
  series: readonly Series[];
  log: readonly Logged[];
  sent: number;
  acked: number;
  /** Of all devices, slow ones included. */
  holdings: readonly Holding[];
  problems: readonly string[];
};

/** Which of the two comes first changes from round to round. */
const orders = [
  ["without", "with"],
  ["with", "without"],
] as const;

type Helper<Calls extends Handlers> = ReturnType<typeof forkHelper<Calls>>;
type Cast = Readonly<{ generator: Helper<GeneratorCalls>; slow: Helper<SlowDevicesCalls> }>;

/** Ends with the first round in which something went wrong. */
async function play(stage: Stage, options: SlowReaderOptions, { progress }: ScenarioDeps): Promise<Play> {
  await using generator = forkHelper<GeneratorCalls>(generatorModule, stage.processOptions("generator"));
  await using slow = forkHelper<SlowDevicesCalls>(slowDevicesModule, stage.processOptions("slow-devices"));
  const cast = { generator, slow };
  await join(cast, stage, options);
  const stream = createStream(cast, stage, options);
  await stream.run("without", Math.min(warmupSeconds, options.seconds));
  stream.forget();
  using memory = watchMemory("memory of the server", stage.server.pid);
  const rounds: SlowReaderRound[] = [];
  while (rounds.length < options.rounds && stream.problems.length === 0) {
    const stretches = new Map<Kind, Stretch>();
    for (const kind of orders[rounds.length % 2] ?? orders[0]) {
      const stretch = await stream.run(kind, options.seconds);
      stretches.set(kind, stretch);
      progress(`round ${rounds.length + 1} of ${options.rounds}, ${kind}: p99 ${stretch.deliver.p99.toFixed(1)} ms`);
    }
    const [without, slowly] = [stretches.get("without"), stretches.get("with")];
    if (without && slowly) rounds.push({ without, with: slowly });
  }
  await sleep(systemClock, lastAckMs);
  const { deliver, sent, acked, problems } = stream;
  const series = memory.series();
  return { rounds, deliver, series, sent, acked, problems, ...(await takeLeave(cast, options)) };
}

async function join({ generator, slow }: Cast, { group, server, credentials }: Stage, options: SlowReaderOptions) {
  const readers = options.members - options.slowReaders;
  const seats = credentials.map((credential) => ({ ...credential, ...group }));
  const request = { port: server.port, textBytes: options.textBytes };
  await generator.call("joinStream", { ...request, seats: seats.slice(0, readers) });
  await slow.call("join", { ...request, seats: seats.slice(readers) });
}

async function takeLeave({ generator, slow }: Cast, { textBytes }: SlowReaderOptions) {
  const { holdings, log } = await generator.call("reportStream", undefined);
  const slowHoldings = await slow.call("report", undefined);
  await Promise.all([generator.call("leave", undefined), slow.call("leave", undefined)]);
  const logged = log.map(({ seq, ...message }) => ({
    seq,
    sent: { ...message, text: textOf(Number(message.clientId), message.senderId, textBytes) },
  }));
  return { log: logged, holdings: [...holdings, ...slowHoldings] };
}

/** Lets the stream flow, a stretch at a time, and adds up what comes of it. */
function createStream({ generator, slow }: Cast, { server, group }: Stage, options: SlowReaderOptions) {
  const { messagesPerSecond } = options;
  const problems: string[] = [];
  let deliver = { without: [] as Weighted[], with: [] as Weighted[] };
  let acked = 0;
  let sent = 0;
  return {
    problems,
    get deliver() {
      return deliver;
    },
    get acked() {
      return acked;
    },
    get sent() {
      return sent;
    },
    /** Forgets latencies so far. */
    forget() {
      deliver = { without: [], with: [] };
    },
    async run(kind: Kind, seconds: number): Promise<Stretch> {
      await slow.call("reconnect", undefined);
      const counts = await watchSlowCounts(server);
      if (kind === "with") await slow.call("slowDown", { trickleBytesPerSecond: trickleOf(options) });
      const messages = seconds * messagesPerSecond;
      const report = await generator.call("runStream", { pace: toPace(messages, messagesPerSecond) });
      sent += messages;
      acked += report.acked;
      const fates = await slow.call("readOn", { lastSeq: group.headSeq + BigInt(sent) });
      const areComplete = fates.every(({ caughtUpMs }) => caughtUpMs !== undefined);
      problems.push(...report.problems, ...(areComplete ? [] : ["a slow device never got everything"]));
      deliver[kind].push(...report.deliver);
      return { ...toLatency(report), server: await counts(), slow: fates };
    },
  };
}

function toLatency({ deliver, busyness }: StreamReport): Omit<Stretch, "server" | "slow"> {
  const deliveries = deliver.reduce((sum, { count }) => sum + count, 0);
  return { deliver: quantilesOrInfinite(deliver), deliveries, generator_busy_share: busyness.busyShare };
}
