import { parseArgs } from "node:util";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { TidewireError } from "../../runtime/error.js";

/** How long a run is, and how hard. */
export type EnduranceOptions = Readonly<{
  /** Devices, each a real client behind a proxy of its own. */
  clients: number;
  /** How long faults happen. What comes before and after is not counted. */
  durationMs: number;
  faults: number;
  seed: number;
  /** How long everything may take to come to rest after the last fault. */
  quietMs: number;
  /** Average pause of a client between two messages. */
  pauseMs: number;
  /** The server's interval of heartbeats. */
  heartbeatMs: number;
  /** Where to write the result as JSON, or undefined. */
  jsonFile: string | undefined;
}>;

export type EnduranceCommand = { kind: "help" } | { kind: "run"; options: EnduranceOptions };

const faultsPerMinute = 13;

export const enduranceHelp = `npm run endurance -- [options]

Runs the real server on a real PostgreSQL, with real clients that talk in groups and alone, each through a proxy of its
own. Connections are delayed, sliced, truncated, reset, half-opened and refused; server, database and clients are killed,
stopped and started again. Then everything must come to rest, and what the clients and the database hold is compared: nothing
lost, doubled or swapped, as docs/invariants.md says.

Options
  --clients N       clients, 4 to 400 (default 100)
  --minutes M       how long faults happen, 0.2 to 600, such as 5 or 0.5 (default 5)
  --faults N        faults in that time, 0 to 10000 (default ${faultsPerMinute} a minute)
  --seed S          repeats a schedule of faults (default: a new one, which is printed)
  --json FILE       write the result
  --help            this text

Exits with 1 if an invariant is broken, or if something does not come back by itself; then the clients' storages and notes
and the server's log are kept, and it says where.
`;

/**
 * Reads the command line.
 * @param newSeed used if none is given
 * @throws TidewireError `INVALID_ARGUMENT` that names the first thing that is wrong.
 */
export function parseEnduranceOptions(argv: readonly string[], newSeed: number): EnduranceCommand {
  const values = parse(argv);
  if (values.help) return { kind: "help" };
  const minutes = parseNumber("--minutes", values.minutes, [0.2, 600], 5);
  const options: EnduranceOptions = {
    clients: parseCount("--clients", values.clients, [4, 400], 100),
    durationMs: Math.round(minutes * 60_000),
    faults: parseCount("--faults", values.faults, [0, 10_000], Math.round(minutes * faultsPerMinute)),
    seed: parseCount("--seed", values.seed, [0, 2 ** 32 - 1], newSeed),
    quietMs: 60_000,
    pauseMs: 2_500,
    heartbeatMs: 10_000,
    jsonFile: values.json,
  };
  return { kind: "run", options };
}

function parse(argv: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        clients: { type: "string" },
        minutes: { type: "string" },
        faults: { type: "string" },
        seed: { type: "string" },
        json: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    });
    return values;
  } catch (cause) {
    throw invalid(cause instanceof Error ? cause.message : String(cause));
  }
}

function parseCount(
  flag: string,
  text: string | undefined,
  range: readonly [number, number],
  fallback: number,
): number {
  if (text !== undefined && !/^\d{1,10}$/.test(text)) throw invalidNumber(flag, "a whole number", range, text);
  return parseNumber(flag, text, range, fallback);
}

function parseNumber(
  flag: string,
  text: string | undefined,
  range: readonly [number, number],
  fallback: number,
): number {
  if (text === undefined) return fallback;
  const number = /^\d{1,10}(\.\d{1,6})?$/.test(text) ? Number(text) : Number.NaN;
  if (number >= range[0] && number <= range[1]) return number;
  throw invalidNumber(flag, "a number", range, text);
}

function invalidNumber(flag: string, what: string, [min, max]: readonly [number, number], text: string): TidewireError {
  return invalid(`${flag} takes ${what} from ${min} to ${max}, not ${JSON.stringify(text)}`);
}

function invalid(message: string): TidewireError {
  return new TidewireError(ErrorCode.INVALID_ARGUMENT, message);
}
