import type { SimConfig } from "./config.js";
import type { SimDevice } from "./devices/device.js";
import { textsIn } from "./devices/recorder.js";
import { watchImpurity } from "./engine/impurity.js";
import { checkInvariants } from "./invariants/check-invariants.js";
import { formatViolation } from "./invariants/invariant.js";
import type { DeviceFacts, SizeFact } from "./invariants/world-facts.js";
import { leaveWorld, runWorld } from "./run-world.js";
import { fabricEntries, World } from "./world.js";

/** What became of a configuration. */
export type Verdict = Readonly<{
  /** In words. Empty: everything held. */
  violations: readonly string[];
  /** Of everything that happened. */
  hash: string;
  /** How often each fault struck, and each rare branch was taken. */
  counts: ReadonlyMap<string, number>;
  simulatedMs: number;
  events: number;
}>;

/** Runs a world to its end and judges it. To be called from a macrotask. @param write takes each happening as a line to read */
export function judge(config: SimConfig, write?: (line: string) => void): Verdict {
  const world = new World(config, write);
  const strays: string[] = [];
  const onRejection = (reason: unknown) => void strays.push(`a rejection was not handled: ${describe(reason)}`);
  const onImpurity = (source: string) => void strays.push(`the real world was asked: ${source}`);
  process.on("unhandledRejection", onRejection);
  let violations: string[];
  try {
    violations = watchImpurity(() => live(world), onImpurity);
  } catch (error) {
    violations = [`something threw: ${describe(error)} (at ${world.scheduler.nowMs.toFixed(1)} ms)`];
  } finally {
    process.off("unhandledRejection", onRejection);
  }
  const { trace, scheduler } = world;
  return {
    violations: [...violations, ...strays],
    hash: trace.hash,
    counts: world.finalCounts(),
    simulatedMs: scheduler.nowMs,
    events: scheduler.ran,
  };
}

function live(world: World): string[] {
  const { healedAtMs, baseline } = runWorld(world);
  const devices = world.devices.map(toFacts);
  const checkedAtMs = world.scheduler.nowMs;
  leaveWorld(world);
  const sizes = compareSizes(baseline, world.sizes());
  const facts = { healedAtMs, checkedAtMs, devices, sizes };
  return checkInvariants(world.history.records, world.store, facts).map(formatViolation);
}

/** Copies: the device goes on. */
function toFacts({ name, userId, storage }: SimDevice): DeviceFacts {
  const { outbox, cursors } = storage.snapshot;
  return {
    deviceId: name,
    userId,
    presence: "online",
    outbox: textsIn(outbox).map(({ text }) => text),
    cursors: new Map(cursors),
    messagesOf: (conversationId) => storage.messages(conversationId, 0n, Number.MAX_SAFE_INTEGER),
  };
}

/** Each has a lease in the fabric, which comes with its first run: sweep, delivered marks, summarize. */
const loneTasks = 3;

function compareSizes(baseline: ReadonlyMap<string, number>, sizes: ReadonlyMap<string, number>): SizeFact[] {
  return [...sizes].map(([what, measured]) => {
    const max = (baseline.get(what) ?? 0) + (what === fabricEntries ? loneTasks : 0);
    return { subject: "the world", what, measured, max };
  });
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message).split("\n").slice(0, 6).join("\n    ") : String(error);
}
