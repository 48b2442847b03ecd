import { fileURLToPath } from "node:url";
import { sleep, systemClock } from "../../../runtime/clock.js";
import { freePort } from "../../../test/support/postgres.js";
import { type OwnProcess, type ProcessOptions, startProgram } from "./processes.js";

/** `tidewire up` in a process of its own. */
export interface ServerUnderTest extends OwnProcess {
  readonly port: number;
  /** What the server counts, by name and labels as Prometheus sees them. */
  readCounters(): Promise<ReadonlyMap<string, number>>;
}

/** `env`: settings beside those that only concern where it listens and what it logs. */
export type ServerUnderTestOptions = ProcessOptions & Readonly<{ env: Record<string, string> }>;

const readyWithinMs = 30_000;
const pollMs = 50;

/** @throws Error with the server's own words if it does not get ready. */
export async function startServerUnderTest(options: ServerUnderTestOptions): Promise<ServerUnderTest> {
  const [port, metricsPort] = [await freePort(), await freePort()];
  const program = fileURLToPath(new URL("../../tidewire.js", import.meta.url));
  const listening = {
    TIDEWIRE_PORT: String(port),
    TIDEWIRE_METRICS_PORT: String(metricsPort),
    TIDEWIRE_LOG_LEVEL: "warn",
  };
  const server = startProgram([program, "up"], { ...options, env: { ...options.env, ...listening } });
  try {
    await untilReady(server, port, options.signal);
    return { ...server, port, readCounters: () => readCounters(metricsPort) };
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

async function readCounters(port: number): Promise<Map<string, number>> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`, { headers: { connection: "close" } })).text();
  const counters = new Map<string, number>();
  for (const line of text.split("\n")) {
    const split = line.lastIndexOf(" ");
    if (split > 0 && !line.startsWith("#")) counters.set(line.slice(0, split), Number(line.slice(split + 1)));
  }
  return counters;
}
