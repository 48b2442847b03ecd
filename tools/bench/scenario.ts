import type { OptionName } from "../../runtime/config-options.js";
import { type Flags, type OptionsOf, readFlags } from "./flags.js";
import type { Window } from "./generator/generator-calls.js";
import type { BenchResult, Verified } from "./result.js";
import type { Machine } from "./stage/machine.js";

/** The databases that a scenario can run on. */
export type Engine = "postgresql" | "embedded";

export type ServerSettings = Readonly<Partial<Record<OptionName, string>>>;

export type ScenarioDeps = Readonly<{
  /** To be run on; a scenario that needs no database leaves it aside. */
  engine: Engine;
  /** Settings of the server under test that are not its defaults, by the name of the option. */
  serverSettings: ServerSettings;
  /** Where to write CPU profiles of server and load generator, or undefined. They cost speed. */
  profileDirectory: string | undefined;
  /** As it was before the benchmark began. */
  machine: Machine;
  /** Stops everything; the run then rejects. */
  signal: AbortSignal;
  /** Takes a line for people. */
  progress(line: string): void;
}>;

/** What a run comes to. If one message is not as it should be, there is no other result. */
export type Outcome<Result> = Measured<Result> | Flawed;

export type Measured<Result> = Readonly<{
  kind: "measured";
  result: Result;
  /** When the clock ran, if it did not all the time: what a profile is to look at. */
  windows?: readonly Window[];
}>;

/** @property problems in words. */
export type Flawed = Readonly<{ kind: "flawed"; verified?: Verified; problems: readonly string[] }>;

/** The one database on which there is something to measure, and why there is nothing on the other, in words. */
export type OnlyOn = Readonly<{ engine: Engine; because: string }>;

/** A benchmark, as the command line sees it. */
export type Scenario = Readonly<{
  name: string;
  /** What it does, in a sentence or two. */
  summary: string;
  flags: Flags;
  needsDatabase: boolean;
  onlyOn?: OnlyOn;
  /**
   * Reads its flags, and returns what runs it.
   * @throws TidewireError `INVALID_ARGUMENT` that names what is wrong.
   */
  prepare(values: Readonly<Record<string, unknown>>): (deps: ScenarioDeps) => Promise<Outcome<Reported>>;
}>;

/** A result, and the same as a table for people. */
export type Reported = Readonly<{ json: BenchResult; text: string }>;

/** What makes a scenario. */
export type ScenarioParts<Own extends Flags, Result extends BenchResult> = Readonly<{
  name: string;
  summary: string;
  flags: Own;
  /** False if it is about one part that needs none. */
  needsDatabase?: boolean;
  /** Set if it does not run on both databases. */
  onlyOn?: OnlyOn;
  /** @throws TidewireError `INVALID_ARGUMENT` if options that are right each are wrong together. */
  check?(options: OptionsOf<Own>): void;
  /** @throws Error if a part does not start, or ends early. */
  run(options: OptionsOf<Own>, deps: ScenarioDeps): Promise<Outcome<Result>>;
  toReport(result: Result): string;
}>;

export function defineScenario<Own extends Flags, Result extends BenchResult>(
  parts: ScenarioParts<Own, Result>,
): Scenario {
  const { name, summary, flags, needsDatabase = true, onlyOn, check, run, toReport } = parts;
  return {
    name,
    summary,
    flags,
    needsDatabase,
    ...(onlyOn === undefined ? {} : { onlyOn }),
    prepare(values) {
      const options = readFlags(flags, values);
      check?.(options);
      return async (deps) => {
        const outcome = await run(options, deps);
        if (outcome.kind === "flawed") return outcome;
        return { ...outcome, result: { json: outcome.result, text: toReport(outcome.result) } };
      };
    },
  };
}
