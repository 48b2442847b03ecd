import { writeFile } from "node:fs/promises";
import type { Store } from "../../../services/store/store.js";
import { freePort } from "../../../test/support/postgres.js";
import { type RawServerCalls, rawServerModule } from "../baseline/raw-server-calls.js";
import { type HeapShare, sharesOf, sizesInHeap } from "../figures/heap-snapshot.js";
import type { Outcome, ScenarioDeps } from "../scenario.js";
import { type BareStage, playOnBareStage, type RaisedLimits } from "../stage/bare-stage.js";
import { openInspector } from "../stage/inspector.js";
import { describeVersions } from "../stage/machine.js";
import { forkHelper } from "../stage/processes.js";
import { forkCrowd } from "./crowd.js";
import { type Memory, measureMemory } from "./memory.js";
import type { IdleOptions } from "./options.js";
import { goals, type IdleResult, type IdleRound, summarizeIdle, toRound } from "./result.js";

/**
 * So many come and go before anything is measured: code is compiled then, and pools are there. A small part of all, for what the
 * allocator keeps of them is not counted later on.
 */
const warmup = { max: 500, share: 0.1 };

/** The longest that a server takes. */
const heartbeatIntervalMs = 600_000;

/**
 * All devices connect, are idle, and leave, again and again; so do, beside each round, as many bare sockets. What the server holds
 * is compared with what it held before the first round.
 * @throws Error if a part does not start, or ends early, or if a connection is lost.
 */
export async function runIdle(options: IdleOptions, deps: ScenarioDeps): Promise<Outcome<IdleResult>> {
  const raisedLimits = raisedFor(options);
  const inspectPort = await freePort();
  const stageOptions = { members: options.connections, inspectPort, raisedLimits };
  const { result, database, durableEpochs } = await playOnBareStage(stageOptions, deps, {
    prepare: async () => undefined,
    play: (stage) => play(stage, inspectPort, options, deps),
    verify: async (store) => ({ durableEpochs: await sumEpochs(store) }),
  });
  const { rounds, empty, heap, logins, answered } = result;
  if (durableEpochs !== logins)
    return { kind: "flawed", problems: [`the database knows of ${durableEpochs} logins, devices made ${logins}`] };
  return {
    kind: "measured",
    result: {
      scenario: "idle",
      settings: {
        database: deps.engine,
        connections: options.connections,
        rounds: options.rounds,
        generators: options.generators,
        warmup_connections: warmupOf(options),
        raised_limits: raisedLimits,
      },
      machine: deps.machine,
      versions: describeVersions(database),
      empty,
      ...summarizeIdle(rounds),
      goals,
      ...(heap ? { heap } : {}),
      verified: { logins, durable_epochs: durableEpochs, answered },
    },
  };
}

/** A server that writes down its heap answers nobody for so long that all devices would count as silent. */
function raisedFor({ snapshotFile }: IdleOptions): RaisedLimits {
  return snapshotFile === undefined ? {} : { heartbeatIntervalMs };
}

/** Each login raises the epoch of its device by one. */
async function sumEpochs({ sql }: Store): Promise<number> {
  const [row] = await sql<{ sum: bigint }[]>`select coalesce(sum(epoch), 0)::bigint as sum from device`;
  return Number(row?.sum);
}

type Play = Readonly<{
  rounds: readonly IdleRound[];
  empty: Memory;
  heap: readonly HeapShare[] | undefined;
  logins: number;
  answered: number;
}>;

async function play(stage: BareStage, inspectPort: number, options: IdleOptions, deps: ScenarioDeps): Promise<Play> {
  const { connections } = options;
  await using raw = await startRaw(stage);
  await using crowd = forkCrowd(stage, raw.port, options, deps);
  using inspector = await openInspector(inspectPort);
  const measure = () => measureMemory(stage.server.pid, inspector, deps.signal);

  for (const kind of ["devices", "bare"] as const) await crowd.visit(kind, warmupOf(options), measure);
  const empty = { server: await measure(), raw: await raw.measure(deps.signal) };
  const rounds: IdleRound[] = [];
  while (rounds.length < options.rounds) {
    const loaded = await crowd.visit("devices", connections, measure);
    const left = await measure();
    const bare = await crowd.visit("bare", connections, () => raw.measure(deps.signal));
    const round = toRound({ loaded, left, raw: bare }, empty, connections);
    rounds.push(round);
    const [bytes, rawBytes] = [round.connection, round.raw].map((memory) => memory.resident_bytes.toFixed(0));
    deps.progress(`round ${rounds.length} of ${options.rounds}: ${bytes} bytes a connection, bare ${rawBytes}`);
  }
  const { snapshotFile } = options;
  const heap = snapshotFile === undefined ? undefined : await lookInside(snapshotFile);
  return { rounds, empty: empty.server, heap, logins: crowd.logins, answered: crowd.answered };

  /** Last, for what a snapshot takes would count as the connections' memory. */
  async function lookInside(file: string): Promise<readonly HeapShare[]> {
    deps.progress("looking into the heap");
    const before = sizesInHeap(await inspector.heapSnapshot());
    const snapshot = await crowd.visit("devices", connections, () => inspector.heapSnapshot());
    await writeFile(file, snapshot);
    return sharesOf(sizesInHeap(snapshot), before, connections);
  }
}

async function startRaw(stage: BareStage) {
  const inspectPort = await freePort();
  const options = { ...stage.processOptions("raw"), profileDirectory: undefined, inspectPort };
  const raw = forkHelper<RawServerCalls>(rawServerModule, options);
  const port = await raw.call("listen", undefined);
  const inspector = await openInspector(inspectPort);
  return {
    port,
    measure: (signal: AbortSignal) => measureMemory(raw.pid, inspector, signal),
    async [Symbol.asyncDispose]() {
      inspector[Symbol.dispose]();
      await raw[Symbol.asyncDispose]();
    },
  };
}

function warmupOf({ connections }: IdleOptions): number {
  return Math.min(warmup.max, Math.ceil(connections * warmup.share));
}
