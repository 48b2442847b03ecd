import { join } from "node:path";
import { sleep, systemClock } from "../../../runtime/clock.js";
import type { Credentials } from "../generator/generator-calls.js";
import type { Logged } from "../generator/workload.js";
import type { ScenarioDeps } from "../scenario.js";
import { type BenchDatabase, createDatabase } from "./database.js";
import { findUnacknowledged, readMessageRows, verifyRows } from "./durable-rows.js";
import { versionOf } from "./machine.js";
import { createGroup, createPopulation, type PreparedGroup } from "./prepare.js";
import type { ProcessOptions } from "./processes.js";
import { type ServerUnderTest, startServerUnderTest } from "./server-under-test.js";

/** Longer than a gateway gathers what devices have acknowledged before it tells anybody, in milliseconds. */
const gatherMs = 1_500;

export type StageOptions = Readonly<{
  members: number;
  profileDirectory: string | undefined;
  /** Settings of the server beside those that it needs to run. */
  env?: Record<string, string>;
}>;

/** A server with a group whose members can log in, and what is needed to put it under load. */
export interface Stage {
  readonly server: ServerUnderTest;
  readonly database: BenchDatabase;
  readonly group: PreparedGroup;
  /** Of the members. */
  readonly credentials: readonly Credentials[];
  /** Names a process's directory for profiles, if there are to be any. */
  processOptions(name: string): ProcessOptions;
}

/** What a play on the stage has come to. */
export type Played<Result> = Readonly<{
  result: Result;
  /** Engine and version of the database. */
  database: string;
  /** Messages that lie in the database exactly where the play's log has them. */
  durableRows: number;
  /** What is wrong with the database, in words. */
  problems: readonly string[];
}>;

/**
 * Prepares a database and a server, lets `play` put it under load, stops the server, and compares the database with the log
 * that the play returns: what is there now is what survives. At the end of the play every member has to have acknowledged all.
 * @throws Error if a part does not start, or ends early.
 */
export async function playOnStage<Result extends { log: readonly Logged[] }>(
  options: StageOptions,
  deps: ScenarioDeps,
  play: (stage: Stage) => Promise<Result>,
): Promise<Played<Result>> {
  deps.progress(`${deps.engine}: making ${options.members} users`);
  await using database = await createDatabase(deps.engine);
  const population = await populate(database, options.members);
  const { group, result } = await perform(database, population, options, deps, play);
  deps.progress("reading the database back");
  await using store = await database.open();
  const { conversationId, headSeq } = group;
  const { durableRows, problems } = verifyRows(
    result.log,
    await readMessageRows(store.sql, conversationId, headSeq + 1n),
  );
  const lastSeq = headSeq + BigInt(result.log.length);
  const unacknowledged = await findUnacknowledged(store.sql, conversationId, lastSeq);
  return { result, database: population.version, durableRows, problems: [...problems, ...unacknowledged] };
}

type Population = Awaited<ReturnType<typeof populate>>;

/** Before the server runs: the embedded database belongs to one process at a time. */
async function populate(database: BenchDatabase, members: number) {
  await using store = await database.open();
  const population = await createPopulation(store, members);
  const [server] = await store.sql<{ version: string }[]>`select current_setting('server_version') as version`;
  const embedded = database.engine === "embedded" ? ` in PGlite ${versionOf("@electric-sql/pglite")}` : "";
  return { ...population, version: `PostgreSQL ${server?.version}${embedded}` };
}

async function perform<Result>(
  database: BenchDatabase,
  { tokenKey, credentials }: Population,
  { profileDirectory, env = {} }: StageOptions,
  { signal, progress }: ScenarioDeps,
  play: (stage: Stage) => Promise<Result>,
) {
  const processOptions = (name: string) => ({
    signal,
    profileDirectory: profileDirectory === undefined ? undefined : join(profileDirectory, name),
  });
  await using server = await startServerUnderTest({
    ...processOptions("server"),
    env: { ...database.env, ...env, TIDEWIRE_TOKEN_KEY: tokenKey },
  });
  progress(`creating the group and logging in ${credentials.length} members`);
  const group = await createGroup(server.port, credentials);
  const result = await play({ server, database, group, credentials, processOptions });
  await sleep(systemClock, gatherMs, signal);
  return { group, result };
}
