import { join } from "node:path";
import { sleep, systemClock } from "../../../runtime/clock.js";
import { variableOf } from "../../../runtime/config.js";
import type { OptionName } from "../../../runtime/config-options.js";
import type { Store } from "../../../services/store/store.js";
import type { Credentials } from "../generator/generator-calls.js";
import type { ScenarioDeps, ServerSettings } from "../scenario.js";
import { type BenchDatabase, createDatabase } from "./database.js";
import type { RowsVerdict } from "./durable-rows.js";
import { versionOf } from "./machine.js";
import { createPopulation } from "./prepare.js";
import type { ProcessOptions } from "./processes.js";
import { type ServerUnderTest, startServerUnderTest } from "./server-under-test.js";

/** Longer than a gateway gathers what devices have acknowledged before it tells anybody, in milliseconds. */
const gatherMs = 1_500;

export type RaisedLimits = Readonly<Partial<Record<OptionName, number>>>;

export type StageOptions = Readonly<{
  members: number;
  /** Settings of the server that are raised, by name. */
  raisedLimits?: RaisedLimits;
  /** Where the server's inspector is to listen, on loopback, if it is to have one. */
  inspectPort?: number;
}>;

/** A server with users who can log in, and what is needed to put it under load. */
export interface BareStage {
  readonly server: ServerUnderTest;
  readonly database: BenchDatabase;
  readonly credentials: readonly Credentials[];
  /** Names a process's directory for profiles, if there are to be any. */
  processOptions(name: string): ProcessOptions;
}

/** What happens before, on and after the stage. */
export type Script<Prepared, Result, Verdict> = Readonly<{
  /** Before the server runs: the embedded database belongs to one process at a time. */
  prepare(store: Store, credentials: readonly Credentials[]): Promise<Prepared>;
  /** Puts the server under load. */
  play(stage: BareStage, prepared: Prepared): Promise<Result>;
  /** When the server has stopped: what is in the database now is what survives. */
  verify(store: Store, result: Result, prepared: Prepared): Promise<Verdict>;
}>;

/** What a play on the stage has come to. */
export type Played<Result, Verdict = RowsVerdict> = Readonly<{
  result: Result;
  /** Engine and version of the database. */
  database: string;
}> &
  Verdict;

/**
 * Makes a database and users, starts a server, lets `play` put it under load, stops the server and looks at the database.
 * @throws Error if a part does not start, or ends early.
 */
export async function playOnBareStage<Prepared, Result, Verdict>(
  options: StageOptions,
  deps: ScenarioDeps,
  script: Script<Prepared, Result, Verdict>,
): Promise<Played<Result, Verdict>> {
  deps.progress(`${deps.engine}: making ${options.members} users`);
  await using database = await createDatabase(deps.engine);
  const { prepared, ...population } = await populate(database, options.members, script);
  const result = await perform(database, population, options, deps, (stage) => script.play(stage, prepared));
  deps.progress("reading the database back");
  await using store = await database.open();
  return { result, database: population.version, ...(await script.verify(store, result, prepared)) };
}

async function populate<Prepared>(
  database: BenchDatabase,
  members: number,
  { prepare }: Pick<Script<Prepared, unknown, unknown>, "prepare">,
) {
  await using store = await database.open();
  const population = await createPopulation(store, members);
  const prepared = await prepare(store, population.credentials);
  const [server] = await store.sql<{ version: string }[]>`select current_setting('server_version') as version`;
  const embedded = database.engine === "embedded" ? ` in PGlite ${versionOf("@electric-sql/pglite")}` : "";
  return { ...population, prepared, version: `PostgreSQL ${server?.version}${embedded}` };
}

async function perform<Result>(
  database: BenchDatabase,
  { tokenKey, credentials }: { tokenKey: string; credentials: readonly Credentials[] },
  { inspectPort, raisedLimits = {} }: StageOptions,
  { serverSettings, profileDirectory, signal }: ScenarioDeps,
  play: (stage: BareStage) => Promise<Result>,
): Promise<Result> {
  const processOptions = (name: string) => ({
    signal,
    profileDirectory: profileDirectory === undefined ? undefined : join(profileDirectory, name),
  });
  await using server = await startServerUnderTest({
    ...processOptions("server"),
    inspectPort,
    env: {
      ...database.env,
      ...toVariables(raisedLimits),
      ...toVariables(serverSettings),
      TIDEWIRE_TOKEN_KEY: tokenKey,
    },
  });
  const result = await play({ server, database, credentials, processOptions });
  await sleep(systemClock, gatherMs, signal);
  return result;
}

function toVariables(settings: RaisedLimits | ServerSettings): Record<string, string> {
  const entries = Object.entries(settings) as [OptionName, number | string][];
  return Object.fromEntries(entries.map(([name, value]) => [variableOf(name), String(value)]));
}
