import { fileURLToPath } from "node:url";
import { sleep, systemClock } from "../../runtime/clock.js";
import { freePort } from "../../test/support/postgres.js";
import { type OwnProcess, type ProcessOptions, startProgram } from "./processes.js";

/** `tidewire up` in a process of its own. */
export interface ServerUnderTest extends OwnProcess {
  readonly port: number;
}

/** `env`: settings beside those that only concern where it listens and what it logs. */
export type ServerUnderTestOptions = ProcessOptions & Readonly<{ env: Record<string, string> }>;

const readyWithinMs = 30_000;
const pollMs = 50;

/** @throws Error with the server's own words if it does not get ready. */
export async function startServerUnderTest(options: ServerUnderTestOptions): Promise<ServerUnderTest> {
  const port = await freePort();
  const program = fileURLToPath(new URL("../tidewire.js", import.meta.url));
  const listening = { TIDEWIRE_PORT: String(port), TIDEWIRE_METRICS_PORT: "off", TIDEWIRE_LOG_LEVEL: "warn" };
  const server = startProgram([program, "up"], { ...options, env: { ...options.env, ...listening } });
  try {
    await untilReady(server, port, options.signal);
    return { ...server, port };
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}

async function untilReady(server: OwnProcess, port: number, signal: AbortSignal): Promise<void> {
  const deadlineMs = systemClock.monotonicMs() + readyWithinMs;
  const ended = server.ended.then((words) => ({ words }));
  while (systemClock.monotonicMs() < deadlineMs) {
    if (await isReady(port)) return;
    const early = await Promise.race([ended, sleep(systemClock, pollMs, signal)]);
    if (early) throw new Error(`the server under test ended early:\n${early.words}`);
  }
  throw new Error(`the server under test is not ready after ${readyWithinMs / 1000} s`);
}

async function isReady(port: number): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${port}/readyz`, { headers: { connection: "close" } })).ok;
  } catch {
    return false;
  }
}
