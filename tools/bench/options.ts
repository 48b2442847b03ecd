import { parseArgs } from "node:util";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { TidewireError } from "../../runtime/error.js";
import { closestName } from "../../runtime/suggest.js";
import type { Acks } from "./generator/workload.js";

/** The databases that a scenario can run on. */
export type Engine = "postgresql" | "embedded";

/** How a benchmark is to be run. */
export type BenchOptions = GroupOptions | PacedOptions | AcksOptions | SlowReaderOptions;

type CommonOptions = Readonly<{
  /** Members of the group, all of them online. */
  members: number;
  /** Rounds that count; where two kinds of rounds are compared, rounds of each kind. */
  rounds: number;
  /** In this order. */
  engines: readonly Engine[];
  /** Where to write the results as JSON, or undefined. */
  jsonFile: string | undefined;
}>;

export type GroupOptions = CommonOptions &
  Readonly<{
    scenario: "group";
    /** Rounds before those that count, which are verified. */
    warmupRounds: number;
    acks: Acks;
    /** Where to write CPU profiles of the server under test and of the load generator, or undefined for none. */
    profileDirectory: string | undefined;
  }>;

/** The group, one round a second. */
export type PacedOptions = CommonOptions & Readonly<{ scenario: "paced"; warmupRounds: number }>;

export type AcksOptions = CommonOptions & Readonly<{ scenario: "acks"; warmupRounds: number }>;

export type SlowReaderOptions = CommonOptions &
  Readonly<{
    scenario: "slow-reader";
    /** Members that read slowly in every second round: half of them not at all, the others at a trickle. */
    slowReaders: number;
    /** Messages that the group gets in a second. */
    messagesPerSecond: number;
    textBytes: number;
    /** How long a round lasts, in seconds. */
    seconds: number;
  }>;

export type BenchCommand = { kind: "help" } | { kind: "run"; options: BenchOptions };

export const benchHelp = `npm run bench -- <scenario> [options]

Scenarios
  group             members of a group, all online, each send one message at once; the clock runs from the first send
                    to the last of members × members deliveries. Beside it, in every round, raw uWebSockets publishes
                    the same bytes. With --paced, one round a second and nothing beside it
  acks              the same, in turns with and without acknowledgements: what they cost the server
  slow-reader       a group in which a steady stream of messages flows, in turns with and without members that stop
                    reading, or read at a trickle: what the others notice of it

Options
  --members N       members of the group, 2 to 2000 (default 500; slow-reader: 120)
  --rounds N        rounds that count, 1 to 1000 (default 5; --paced: 40; acks: 15 of each kind; slow-reader: 3 of each kind)
  --warmup N        rounds before those, which are verified but not counted, 1 to 1000 (default 10; not for slow-reader)
  --paced           group: one round a second: does the server keep up, and is the last round as good as the first
  --acks on|off     group: whether members acknowledge while a round is measured (default on)
  --slow N          slow-reader: how many of the members read slowly (default 10)
  --rate N          slow-reader: messages that the group gets in a second, 1 to 1000 (default 100)
  --bytes N         slow-reader: length of their texts, 100 to 15000 (default 4096)
  --seconds N       slow-reader: how long a round lasts, 1 to 600 (default 40)
  --database NAME   postgresql, embedded, or both (default)
  --json FILE       write the results; with two databases, into FILE with the database's name before its ending
  --profile DIR     group: write CPU profiles of server and load generator into DIR and print where time went; costs
                    speed
  --help            this text

A run in which a message was lost, doubled, reordered or altered has no result: it says what went wrong and exits
with 1. docs/benchmarks.md tells how to read the results.
`;

/**
 * Reads the command line.
 * @throws TidewireError `INVALID_ARGUMENT` that names the first thing that is wrong.
 */
export function parseBenchOptions(argv: readonly string[]): BenchCommand {
  const { values, positionals } = parse(argv);
  if (values.help) return { kind: "help" };
  const scenario = toPaced(parseScenario(positionals), values);
  for (const flag of Object.keys(values)) checkFlag(flag, scenario);
  return { kind: "run", options: parsers[scenario](values) };
}

type Values = ReturnType<typeof parse>["values"];
type Scenario = BenchOptions["scenario"];

const parsers: { [Name in Scenario]: (values: Values) => BenchOptions & { scenario: Name } } = {
  group: (values) => ({
    scenario: "group",
    ...parseCommon(values, { members: 500, rounds: 5 }),
    warmupRounds: parseWarmup(values),
    acks: parseAcks(values.acks ?? "on"),
    profileDirectory: values.profile,
  }),
  paced: (values) => ({
    scenario: "paced",
    ...parseCommon(values, { members: 500, rounds: 40 }),
    warmupRounds: parseWarmup(values),
  }),
  acks: (values) => ({
    scenario: "acks",
    ...parseCommon(values, { members: 500, rounds: 15 }),
    warmupRounds: parseWarmup(values),
  }),
  "slow-reader": parseSlowReader,
};

/** Flags that not every scenario has. */
const scenariosOf: Readonly<Record<string, readonly Scenario[]>> = {
  warmup: ["group", "paced", "acks"],
  paced: ["paced"],
  acks: ["group"],
  profile: ["group"],
  slow: ["slow-reader"],
  rate: ["slow-reader"],
  bytes: ["slow-reader"],
  seconds: ["slow-reader"],
};

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        members: { type: "string" },
        rounds: { type: "string" },
        warmup: { type: "string" },
        paced: { type: "boolean" },
        acks: { type: "string" },
        slow: { type: "string" },
        rate: { type: "string" },
        bytes: { type: "string" },
        seconds: { type: "string" },
        database: { type: "string" },
        json: { type: "string" },
        profile: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (cause) {
    throw invalid(cause instanceof Error ? cause.message : String(cause));
  }
}

function parseScenario([name, ...rest]: readonly string[]): Exclude<Scenario, "paced"> {
  const names = Object.keys(parsers)
    .filter((scenario) => scenario !== "paced")
    .join(", ");
  if (name === undefined) throw invalid(`name a scenario: ${names}`);
  if (!Object.hasOwn(parsers, name) || name === "paced")
    throw invalid(`there is no scenario ${JSON.stringify(name)}; there are: ${names}`);
  if (rest.length > 0) throw invalid(`one scenario at a time; what is ${JSON.stringify(rest[0])}?`);
  return name as Exclude<Scenario, "paced">;
}

function toPaced(scenario: Scenario, { paced }: Values): Scenario {
  if (!paced) return scenario;
  if (scenario !== "group") throw invalid("--paced belongs to group");
  return "paced";
}

function checkFlag(flag: string, scenario: Scenario): void {
  const owners = scenariosOf[flag];
  if (!owners || owners.includes(scenario)) return;
  const names = owners.map((owner) => (owner === "paced" ? "group --paced" : owner));
  throw invalid(`--${flag} belongs to ${names.join(" and ")}`);
}

function parseCommon(values: Values, defaults: { members: number; rounds: number }): CommonOptions {
  return {
    members: parseCount("--members", values.members, [2, 2_000], defaults.members),
    rounds: parseCount("--rounds", values.rounds, [1, 1_000], defaults.rounds),
    engines: parseEngines(values.database ?? "both"),
    jsonFile: values.json,
  };
}

function parseWarmup({ warmup }: Values): number {
  return parseCount("--warmup", warmup, [1, 1_000], 10);
}

/** What a user may send lastingly, by the limits of the server, in messages a second. */
const ratePerUserMax = 10;

function parseSlowReader(values: Values): SlowReaderOptions {
  const common = parseCommon(values, { members: 120, rounds: 3 });
  const slowReaders = parseCount("--slow", values.slow, [1, common.members - 1], Math.min(10, common.members - 1));
  const rateMax = Math.min(1_000, ratePerUserMax * (common.members - slowReaders));
  return {
    scenario: "slow-reader",
    ...common,
    slowReaders,
    messagesPerSecond: parseCount("--rate", values.rate, [1, rateMax], Math.min(100, rateMax)),
    textBytes: parseCount("--bytes", values.bytes, [100, 15_000], 4_096),
    seconds: parseCount("--seconds", values.seconds, [1, 600], 40),
  };
}

function parseCount(
  flag: string,
  text: string | undefined,
  [min, max]: readonly [number, number],
  fallback: number,
): number {
  if (text === undefined) return fallback;
  const count = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  if (count >= min && count <= max) return count;
  throw invalid(`${flag} takes a whole number from ${min} to ${max}, not ${JSON.stringify(text)}`);
}

function parseAcks(text: string): Acks {
  if (text === "on" || text === "off") return text;
  throw invalid(`--acks takes on or off, not ${JSON.stringify(text)}`);
}

const enginesByName: Readonly<Record<string, readonly Engine[]>> = {
  postgresql: ["postgresql"],
  embedded: ["embedded"],
  both: ["postgresql", "embedded"],
};

function parseEngines(name: string): readonly Engine[] {
  const engines = Object.hasOwn(enginesByName, name) ? enginesByName[name] : undefined;
  if (engines) return engines;
  const closest = closestName(name, Object.keys(enginesByName));
  const hint = closest === undefined ? "" : `; did you mean ${closest}?`;
  throw invalid(`--database takes postgresql, embedded or both, not ${JSON.stringify(name)}${hint}`);
}

function invalid(message: string): TidewireError {
  return new TidewireError(ErrorCode.INVALID_ARGUMENT, message);
}
