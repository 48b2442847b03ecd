import { setMaxListeners } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sleep } from "../../runtime/clock.js";
import type { Machine } from "../../tools/bench/stage/machine.js";
import { checkEvidence } from "./checks/check.js";
import { untilConverged } from "./convergence.js";
import { type OpenWorld, openWorld } from "./open-world.js";
import type { EnduranceOptions } from "./options.js";
import { readEvidence, withDatabase } from "./read-evidence.js";
import { type EnduranceResult, toResult } from "./result.js";
import { startStorm } from "./storm.js";

export type RunContext = Readonly<{
  machine: Machine;
  /** Stops the run, and everything that it has started, when it is aborted. */
  signal: AbortSignal;
  progress: (line: string) => void;
}>;

export type RunOutcome = Readonly<{
  result: EnduranceResult;
  /** Where storages, notes and logs are kept, if the run has failed. */
  keptIn: string | undefined;
}>;

/** Most faults and others that wait at a time, each for its moment or for the end of the run. */
const sleepersMax = 20_000;

/** Who is at rest has recovered; this is for the news of it to arrive. */
const lastWordsMs = 2_000;

/**
 * One run, from an empty database to the result.
 * @throws Error if something could not be started, or when the run is interrupted.
 */
export async function runEndurance(options: EnduranceOptions, context: RunContext): Promise<RunOutcome> {
  const directory = await mkdtemp(join(tmpdir(), "tidewire-endurance-"));
  const ended = new AbortController();
  const signal = AbortSignal.any([context.signal, ended.signal]);
  setMaxListeners(sleepersMax, signal);
  let result: EnduranceResult | undefined;
  try {
    await using world = await openWorld({ directory, options, signal, progress: context.progress });
    result = await runIn(world, options, context).finally(() => ended.abort(new Error("the run is over")));
    return { result, keptIn: result.passed ? undefined : directory };
  } finally {
    if (result === undefined || result.passed) await rm(directory, { recursive: true, force: true });
  }
}

async function runIn(
  world: OpenWorld,
  options: EnduranceOptions,
  { machine, signal, progress }: RunContext,
): Promise<EnduranceResult> {
  const { clock, crews, database, setups, problems } = world;
  progress(`the storm begins, seed ${options.seed}`);
  const storm = startStorm(world, options, progress);
  await storm.over;
  const quietFromMs = clock.monotonicMs();
  const convergence = await untilConverged(world, options.quietMs);
  const convergedMs = clock.monotonicMs() - quietFromMs;
  await Promise.race([storm.recovered(), sleep(clock, lastWordsMs, signal)]);
  progress(convergence.kind === "converged" ? "everything is at rest; checking" : "it does not come to rest; checking");
  const strikes = storm.strikes.map((each) => ({ ...each, recoveredMs: new Map(each.recoveredMs) }));
  await crews.close();
  const evidence = await readEvidence(database.url, setups);
  return toResult({
    options,
    machine,
    database: await readVersion(database.url),
    strikes,
    convergence,
    convergedMs,
    evidence,
    findings: checkEvidence(evidence),
    problems,
  });
}

async function readVersion(databaseUrl: string): Promise<string> {
  const [row] = await withDatabase(
    databaseUrl,
    (sql) => sql<{ version: string }[]>`select current_setting('server_version') as version`,
  );
  return `PostgreSQL ${row?.version}`;
}
