import { parseArgs } from "node:util";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { TidewireError } from "../../runtime/error.js";
import { closestName } from "../../runtime/suggest.js";

/** The databases that a scenario can run on. */
export type Engine = "postgresql" | "embedded";

/** How a benchmark is to be run. */
export type BenchOptions = Readonly<{
  scenario: "group";
  /** Members of the group, all of them online. */
  members: number;
  /** Rounds that count. */
  rounds: number;
  /** Rounds before those, which are verified but not counted. */
  warmupRounds: number;
  /** In this order. */
  engines: readonly Engine[];
  /** Where to write the results as JSON, or undefined. */
  jsonFile: string | undefined;
  /** Where to write CPU profiles of the server under test and of the load generator, or undefined for none. */
  profileDirectory: string | undefined;
}>;

export type BenchCommand = { kind: "help" } | { kind: "run"; options: BenchOptions };

export const benchHelp = `npm run bench -- <scenario> [options]

Scenarios
  group             members of a group, all online, each send one message at once; the clock runs from the first send
                    to the last of members × members deliveries. Beside it, in every round, raw uWebSockets publishes
                    the same bytes.

Options
  --members N       members of the group, 2 to 2000 (default 500)
  --rounds N        rounds that count, 1 to 1000 (default 5)
  --warmup N        rounds before those, which are verified but not counted, 1 to 1000 (default 10)
  --database NAME   postgresql, embedded, or both (default)
  --json FILE       write the results; with two databases, into FILE with the database's name before its ending
  --profile DIR     write CPU profiles of server and load generator into DIR and print where time went; costs speed
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
  return {
    kind: "run",
    options: {
      scenario: parseScenario(positionals),
      members: parseCount("--members", values.members, [2, 2_000], 500),
      rounds: parseCount("--rounds", values.rounds, [1, 1_000], 5),
      warmupRounds: parseCount("--warmup", values.warmup, [1, 1_000], 10),
      engines: parseEngines(values.database ?? "both"),
      jsonFile: values.json,
      profileDirectory: values.profile,
    },
  };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        members: { type: "string" },
        rounds: { type: "string" },
        warmup: { type: "string" },
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

function parseScenario([name, ...rest]: readonly string[]): "group" {
  if (name === undefined) throw invalid("name a scenario: group");
  if (name !== "group") throw invalid(`there is no scenario ${JSON.stringify(name)}; there is: group`);
  if (rest.length > 0) throw invalid(`one scenario at a time; what is ${JSON.stringify(rest[0])}?`);
  return name;
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
