import { join } from "node:path";
import { type BenchDatabase, createDatabase } from "./database.js";
import { readMessageRows, verifyRows } from "./durable-rows.js";
import type { GeneratorCalls, RoundReport, Window } from "./generator-calls.js";
import { describeVersions, type Machine, versionOf } from "./machine.js";
import type { BenchOptions, Engine } from "./options.js";
import { createGroup, createPopulation, type Population, type PreparedGroup } from "./prepare.js";
import { forkHelper } from "./processes.js";
import type { RawServerCalls } from "./raw-server-calls.js";
import type { BenchResult, RoundResult, Verified } from "./result.js";
import { type ServerUnderTest, startServerUnderTest } from "./server-under-test.js";
import { summarize } from "./summary.js";
import { isFlawless, type Verdict } from "./verifier.js";
import { type Logged, textBytes } from "./workload.js";

/** What a run comes to. If one message is not as it should be, there is no other result. */
export type GroupOutcome =
  | { kind: "measured"; result: BenchResult; windows: readonly Window[] }
  | { kind: "flawed"; verified: Verified; problems: readonly string[] };

export type GroupDeps = Readonly<{
  /** As it was before the benchmark began. */
  machine: Machine;
  /** Stops everything; the run then rejects. */
  signal: AbortSignal;
  /** Takes a line for people. */
  progress(line: string): void;
}>;

type MeasuredRound = Readonly<{ report: RoundReport; result: RoundResult }>;
type Rounds = Readonly<{ measured: readonly MeasuredRound[]; verdicts: readonly Verdict[] }>;

/**
 * All members of a group, online, send one message each at once, again and again. Beside each round, raw uWebSockets
 * publishes the very bytes that the round delivered.
 * @throws Error if a part does not start, or ends early.
 */
export async function runGroup(engine: Engine, options: BenchOptions, deps: GroupDeps): Promise<GroupOutcome> {
  deps.progress(`${engine}: making ${options.members} users`);
  await using database = await createDatabase(engine);
  const { population, version } = await populate(database, options.members);
  const { group, rounds } = await runServer(database, population, options, deps);
  deps.progress("reading the database back");
  const rows = await verifyDatabase(database, group, rounds.verdicts);
  const verified = { ...addUp(rounds.verdicts), durable_rows: rows.durableRows };
  const problems = [...rounds.verdicts.flatMap((verdict) => verdict.problems), ...rows.problems];
  if (problems.length > 0 || !rounds.verdicts.every(isFlawless) || rows.durableRows !== verified.sent) {
    return { kind: "flawed", verified, problems };
  }
  const settings = {
    database: engine,
    members: options.members,
    rounds: options.rounds,
    warmup_rounds: options.warmupRounds,
    text_bytes: textBytes,
    raised_limits: {},
  };
  const measured = rounds.measured.slice(options.warmupRounds);
  const result: BenchResult = {
    scenario: "group",
    settings,
    machine: deps.machine,
    versions: describeVersions(version),
    ...summarize(
      measured.map((round) => round.result),
      measured.at(-1)?.report.messages ?? [],
    ),
    verified,
  };
  return { kind: "measured", result, windows: measured.map(({ report }) => report.window) };
}

/** Before the server runs: the embedded database belongs to one process at a time. */
async function populate(
  database: BenchDatabase,
  members: number,
): Promise<{ population: Population; version: string }> {
  await using store = await database.open();
  const population = await createPopulation(store, members);
  const [server] = await store.sql<{ version: string }[]>`select current_setting('server_version') as version`;
  const embedded = database.engine === "embedded" ? ` in PGlite ${versionOf("@electric-sql/pglite")}` : "";
  return { population, version: `PostgreSQL ${server?.version}${embedded}` };
}

async function runServer(
  database: BenchDatabase,
  { tokenKey, credentials }: Population,
  options: BenchOptions,
  deps: GroupDeps,
): Promise<{ group: PreparedGroup; rounds: Rounds }> {
  const { signal, progress } = deps;
  const profile = (name: string) => options.profileDirectory && join(options.profileDirectory, name);
  const env = { ...database.env, TIDEWIRE_TOKEN_KEY: tokenKey };
  await using server = await startServerUnderTest({ env, signal, profileDirectory: profile("server") });
  progress(`creating the group and logging in ${options.members} members`);
  const group = await createGroup(server.port, credentials);
  await using generator = forkHelper<GeneratorCalls>("./generator.js", {
    signal,
    profileDirectory: profile("generator"),
  });
  await using raw = forkHelper<RawServerCalls>("./raw-server.js", { signal, profileDirectory: undefined });
  await generator.call("join", { port: server.port, conversationId: group.conversationId, credentials });
  const port = await raw.call("listen", undefined);
  await generator.call("subscribeRaw", { port, subscribers: options.members, bytes: options.members * 300 });
  const rounds = await runRounds({ generator, raw, server, database, group }, options, progress);
  await generator.call("leave", undefined);
  return { group, rounds };
}

type Stage = Readonly<{
  generator: ReturnType<typeof forkHelper<GeneratorCalls>>;
  raw: ReturnType<typeof forkHelper<RawServerCalls>>;
  server: ServerUnderTest;
  database: BenchDatabase;
  group: PreparedGroup;
}>;

/** Ends with the first round that is not flawless. */
async function runRounds(stage: Stage, options: BenchOptions, progress: (line: string) => void): Promise<Rounds> {
  const measured: MeasuredRound[] = [];
  const verdicts: Verdict[] = [];
  for (let round = 1; round <= options.warmupRounds + options.rounds; round++) {
    const firstSeq = stage.group.headSeq + 1n + BigInt((round - 1) * options.members);
    const used = await watchCpu(stage);
    const report = await stage.generator.call("runRound", { round, firstSeq });
    const cpu = await used();
    verdicts.push(report.verdict);
    if (!isFlawless(report.verdict)) break;
    const { messages } = report;
    await stage.raw.call("load", { messages });
    const raw = await stage.generator.call("runRawRound", { messages });
    const result = toRoundResult(report, raw.totalMs, cpu);
    measured.push({ report, result });
    const name =
      round <= options.warmupRounds ? `warm-up ${round}` : `round ${round - options.warmupRounds} of ${options.rounds}`;
    progress(`${name}: ${result.total_ms.toFixed(1)} ms, raw ${result.raw_ms.toFixed(1)} ms`);
  }
  return { measured, verdicts };
}

type CpuMs = Readonly<{ server: number | undefined; database: number | undefined }>;

async function watchCpu({ server, database }: Stage): Promise<() => Promise<CpuMs>> {
  const databaseUsed = await database.watchCpu();
  const before = server.cpuMs();
  return async () => {
    const after = server.cpuMs();
    const used = after === undefined || before === undefined ? undefined : after - before;
    return { server: used, database: await databaseUsed() };
  };
}

function toRoundResult({ totalMs, deliver, ack, busyness }: RoundReport, rawMs: number, cpu: CpuMs): RoundResult {
  return {
    total_ms: totalMs,
    raw_ms: rawMs,
    ratio: rawMs / totalMs,
    deliver_p50_ms: deliver.p50,
    deliver_p99_ms: deliver.p99,
    deliver_p999_ms: deliver.p999,
    deliver_max_ms: deliver.max,
    ack_p50_ms: ack.p50,
    ack_p99_ms: ack.p99,
    ack_max_ms: ack.max,
    ...(cpu.server === undefined ? {} : { server_cpu_ms: cpu.server }),
    ...(cpu.database === undefined ? {} : { database_cpu_ms: cpu.database }),
    generator_cpu_ms: busyness.cpuMs,
    generator_busy_share: busyness.busyShare,
  };
}

/** After the server has stopped: what is in the database now is what survives. */
async function verifyDatabase(database: BenchDatabase, group: PreparedGroup, verdicts: readonly Verdict[]) {
  await using store = await database.open();
  const rows = await readMessageRows(store.sql, group.conversationId, group.headSeq + 1n);
  const log: Logged[] = verdicts.flatMap((verdict) => verdict.log);
  return verifyRows(log, rows);
}

function addUp(verdicts: readonly Verdict[]): Omit<Verified, "durable_rows"> {
  const sum = (name: keyof Verified & keyof Verdict) => verdicts.reduce((total, verdict) => total + verdict[name], 0);
  return {
    sent: sum("sent"),
    acked: sum("acked"),
    delivered: sum("delivered"),
    lost: sum("lost"),
    duplicated: sum("duplicated"),
    reordered: sum("reordered"),
  };
}
