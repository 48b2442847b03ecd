import { relative } from "node:path";
import { createInterface } from "node:readline/promises";
import { parseArgs } from "node:util";
import { systemClock } from "../../runtime/clock.js";
import { type Config, loadConfig, secretsOf } from "../../runtime/config.js";
import { createLogger, type Logger } from "../../runtime/log.js";
import { createMetrics, observeProcess } from "../../runtime/metrics.js";
import { createShutdown, type Shutdown, stopOnSignals } from "../../runtime/shutdown.js";
import { lockDirectory } from "../../services/store/directory-lock.js";
import { resetDataDirectory } from "../server/data-directory.js";
import { type Server, startServer } from "../server/start-server.js";

const upHelp = `tidewire up: runs the gateway, the services and, unless told otherwise, an embedded database in this process.

  --port N       port for devices and HTTP callers (default 8080; 0 takes any free one)
  --host H       address to listen on (default 127.0.0.1; 0.0.0.0 for all)
  --data DIR     where the embedded database, keys and chat profiles lie (default ./data)
  --config FILE  further settings, as JSON; \`tidewire config\` lists all, and their variables
  --reset        delete the data first; asks before it does
  --yes          with --reset: do not ask
  --help         this text

Set TIDEWIRE_DATABASE_URL to use a PostgreSQL server instead of the embedded database.
Ctrl-C stops it in order; a second one at once.
`;

/** Runs until a signal stops it. Returns an exit code only if it does not start. */
export async function up(argv: readonly string[]): Promise<number | undefined> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      port: { type: "string" },
      host: { type: "string" },
      data: { type: "string" },
      config: { type: "string" },
      reset: { type: "boolean" },
      yes: { type: "boolean" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) return print(upHelp);
  const overrides = { port: values.port, host: values.host, dataDir: values.data } as unknown as Partial<Config>;
  const { config } = loadConfig({ file: values.config, overrides });
  if (values.reset && !(await reset(config.dataDir, values.yes === true))) return 1;
  return serve(config);
}

async function serve(config: Config): Promise<number | undefined> {
  const startedMs = performance.now();
  const log = createLogger({ level: config.logLevel, format: config.logFormat, secrets: secretsOf(config) });
  const metrics = createMetrics();
  observeProcess(metrics);
  const shutdown = createShutdown({ clock: systemClock, log });
  stopOnSignals(process, shutdown, log);
  try {
    const server = await startServer(config, { log, metrics, shutdown });
    server.lost.addEventListener("abort", () => void giveUp(server.lost.reason, shutdown, log));
    if (!shutdown.begun.aborted) print(toWelcome(config, server, performance.now() - startedMs));
    return undefined;
  } catch (error) {
    await shutdown.run();
    throw error;
  }
}

/** Whoever supervises this process starts it again; nothing that was acknowledged is lost. */
async function giveUp(reason: unknown, shutdown: Shutdown, log: Logger): Promise<void> {
  log.error({ err: reason }, "this process cannot go on and stops");
  await shutdown.run();
  process.exit(1);
}

async function reset(directory: string, confirmed: boolean): Promise<boolean> {
  if (
    !confirmed &&
    !(await confirm(`Delete all messages, accounts, keys and chat profiles in ${directory}? Type yes: `))
  ) {
    print("Nothing was deleted.\n");
    return false;
  }
  await using _lock = await lockDirectory(directory);
  const deleted = await resetDataDirectory(directory);
  print(
    deleted.length === 0
      ? `There was nothing to delete in ${directory}.\n`
      : `Deleted ${deleted.join(", ")} in ${directory}.\n`,
  );
  return true;
}

async function confirm(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) {
    print("--reset needs --yes where nobody can be asked.\n");
    return false;
  }
  const prompt = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await prompt.question(question);
  prompt.close();
  return answer.trim() === "yes";
}

function toWelcome(config: Config, server: Server, startMs: number): string {
  const host = config.host.includes(":") ? `[${config.host}]` : config.host;
  const url = server.port === 8080 ? "" : ` --url http://${host}:${server.port}`;
  const data = toShortPath(config.dataDir);
  const database =
    server.engine === "embedded"
      ? `embedded, in ${data}; it survives a killed process, but not a power failure`
      : "the PostgreSQL server of TIDEWIRE_DATABASE_URL";
  const backup =
    server.engine === "embedded" ? `stop Tidewire and copy ${data}; --reset begins anew` : "as you back up PostgreSQL";
  const metrics = server.metricsPort === undefined ? "off" : `http://127.0.0.1:${server.metricsPort}/metrics`;
  return `
Tidewire is ready after ${(startMs / 1000).toFixed(1)} s.

  devices   ws://${host}:${server.port}/ws
  servers   http://${host}:${server.port}
  database  ${database}
  backup    ${backup}
  metrics   ${metrics}

Now open two more terminals in this folder, and chat:

  npx tidewire chat --profile ann${url}
  npx tidewire chat --profile bob${url}

Ctrl-C stops it.
`;
}

/** Relative where that is shorter to read. */
function toShortPath(path: string): string {
  const short = relative(process.cwd(), path) || ".";
  return short.startsWith("..") ? path : short;
}

function print(text: string): 0 {
  process.stdout.write(text);
  return 0;
}
