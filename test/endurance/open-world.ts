import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "../../runtime/clock.js";
import { seededRandom } from "../support/device-world.js";
import { freePort } from "../support/postgres.js";
import { type Crews, startCrews } from "./crews.js";
import { startDatabase } from "./database.js";
import type { DeviceSetup } from "./device.js";
import type { EnduranceOptions } from "./options.js";
import { populate, toSetups } from "./population.js";
import { startServer } from "./server.js";
import { createTcpProxy, type TcpProxy } from "./tcp-proxy.js";
import type { World } from "./world.js";

/** A world in which all devices have been started. Its disposal ends everything, the last opened first. */
export type OpenWorld = World &
  AsyncDisposable &
  Readonly<{
    setups: readonly DeviceSetup[];
    /** What has gone wrong so far beside the faults. */
    problems: readonly string[];
  }>;

export type OpenOptions = Readonly<{
  /** For storages, notes and logs. */
  directory: string;
  options: EnduranceOptions;
  signal: AbortSignal;
  progress: (line: string) => void;
}>;

const devicesPerCrew = 25;
const crewsMin = 2;

export async function openWorld({ directory, options, signal, progress }: OpenOptions): Promise<OpenWorld> {
  const opened: (AsyncDisposable | Disposable)[] = [];
  const problems: string[] = [];
  const onProblem = (problem: string) => {
    if (signal.aborted) return;
    problems.push(problem);
    progress(`PROBLEM ${problem}`);
  };
  try {
    const database = keep(opened, await startDatabase());
    const env = toEnvironment(options, { port: await freePort(), databaseUrl: database.url });
    const dataDir = join(directory, "data");
    const server = keep(opened, await startServer({ dataDir, env, logFile: join(directory, "server.log"), onProblem }));
    signal.throwIfAborted();
    progress(`registering users for ${options.clients} devices`);
    const population = await populate(server.url, options.clients);
    const proxies = await openProxies(options, Number(new URL(server.url).port), opened);
    const setups = toSetups(population, { ports: proxies.map(({ port }) => port), directory });
    for (const setup of setups) await mkdir(setup.directory);
    signal.throwIfAborted();
    const crews: Crews = await startCrews({ seed: options.seed, setups: toCrews(setups), onProblem });
    opened.push(crews);
    const world = { database, server, population, proxies, crews, clock: systemClock, signal, setups, problems };
    return { ...world, [Symbol.asyncDispose]: () => closeAll(opened) };
  } catch (error) {
    await closeAll(opened);
    throw error;
  }
}

/** How many crews there are for so many devices. */
function crewsFor(devices: number): number {
  return Math.max(crewsMin, Math.ceil(devices / devicesPerCrew));
}

function keep<Resource extends AsyncDisposable>(
  opened: (AsyncDisposable | Disposable)[],
  resource: Resource,
): Resource {
  opened.push(resource);
  return resource;
}

async function closeAll(opened: (AsyncDisposable | Disposable)[]): Promise<void> {
  for (const each of opened.splice(0).reverse()) {
    if (Symbol.asyncDispose in each) await each[Symbol.asyncDispose]();
    else each[Symbol.dispose]();
  }
}

/** Only what a crowd behind one address needs. The message rate is a device's real one. */
function toEnvironment(
  { heartbeatMs, clients }: EnduranceOptions,
  { port, databaseUrl }: { port: number; databaseUrl: string },
): Record<string, string> {
  return {
    TIDEWIRE_PORT: String(port),
    TIDEWIRE_METRICS_PORT: "off",
    TIDEWIRE_LOG_LEVEL: "warn",
    TIDEWIRE_DATABASE_URL: databaseUrl,
    TIDEWIRE_REGISTRATIONS_PER_MINUTE: "10000",
    TIDEWIRE_UNAUTHENTICATED_PER_IP_MAX: "1000",
    TIDEWIRE_ACCESS_TOKEN_MINUTES: "1440",
    TIDEWIRE_HEARTBEAT_INTERVAL_MS: String(heartbeatMs),
    // So that the group of everybody is delivered by conversation, and the others by user.
    TIDEWIRE_ROUTE_BY_CONVERSATION_ABOVE: String(Math.max(2, Math.floor(clients / 2))),
  };
}

async function openProxies(
  { clients, seed }: EnduranceOptions,
  targetPort: number,
  opened: (AsyncDisposable | Disposable)[],
): Promise<TcpProxy[]> {
  const proxies: TcpProxy[] = [];
  for (let device = 0; device < clients; device += 1) {
    const random = seededRandom(seed + device);
    proxies.push(keep(opened, await createTcpProxy({ targetPort, clock: systemClock, random })));
  }
  return proxies;
}

/** Neighbours are in different crews, so that a crew's death tears every group apart. */
function toCrews(setups: readonly DeviceSetup[]): DeviceSetup[][] {
  const crews: DeviceSetup[][] = Array.from({ length: crewsFor(setups.length) }, () => []);
  for (const setup of setups) crews[setup.number % crews.length]?.push(setup);
  return crews;
}
