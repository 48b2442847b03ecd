import { sleep } from "../../runtime/clock.js";
import { unreachable } from "../../runtime/error.js";
import type { Fault, NetworkFault, ProcessFault } from "./fault.js";
import { isProcessFault } from "./fault.js";
import { freeze } from "./freeze.js";
import { devicesOf } from "./population.js";
import type { TcpProxy } from "./tcp-proxy.js";
import type { World } from "./world.js";

/**
 * Lets a fault happen. Resolves when everything runs again, with the time at which the fault itself was over: a server's start
 * counts as recovery. Rejects when something cannot be started again, or when the run is stopped.
 */
export function strike(fault: Fault, world: World): Promise<number> {
  return isProcessFault(fault) ? strikeProcess(fault, world) : strikeNetwork(fault, world);
}

/** The devices that have to do with it. */
export function concernedBy(fault: Fault, { population, crews }: World): readonly number[] {
  if (!isProcessFault(fault)) return fault.devices;
  const group = fault.kind === "row-lock" ? population.groups[fault.group] : undefined;
  if (group) return devicesOf(population, group);
  if (fault.kind === "crew-kill") return crews.all[fault.crew]?.devices ?? [];
  return devicesOf(population, population.square);
}

async function strikeProcess(fault: Fault & ProcessFault, world: World): Promise<number> {
  const { server, database, clock, signal } = world;
  const pass = async () => {
    await sleep(clock, fault.durationMs, signal);
    return clock.monotonicMs();
  };
  const around = async (down: () => Promise<void>, up: () => Promise<void>) => {
    await down();
    const endedMs = await pass();
    await up();
    return endedMs;
  };
  switch (fault.kind) {
    case "server-kill":
      return around(server.kill, server.restart);
    case "server-stop":
      return around(server.stop, server.restart);
    case "database-crash":
      return around(database.crash, database.restart);
    case "server-pause":
      return whileFrozen([server.pid], pass);
    case "database-pause":
      return whileFrozen(await database.pids(), pass);
    case "database-disconnect":
      await database.disconnectAll();
      return clock.monotonicMs();
    case "row-lock":
      await database.lockConversation(world.population.groups[fault.group]?.conversationId ?? "", fault.durationMs);
      return clock.monotonicMs();
    case "crew-kill": {
      const crew = world.crews.all[fault.crew];
      if (!crew) throw new Error(`there is no crew ${fault.crew}`);
      return around(
        () => crew.kill(),
        () => crew.restart(),
      );
    }
    default:
      return unreachable(fault);
  }
}

async function whileFrozen(pids: readonly number[], pass: () => Promise<number>): Promise<number> {
  await using _frozen = await freeze(pids);
  return await pass();
}

async function strikeNetwork(fault: Fault & NetworkFault, { proxies, clock, signal }: World): Promise<number> {
  const concerned = fault.devices.flatMap((device) => proxies[device] ?? []);
  const undo = concerned.map((proxy) => strikeProxy(fault, proxy));
  try {
    await sleep(clock, fault.durationMs, signal);
  } finally {
    for (const undoOne of undo) undoOne();
  }
  return clock.monotonicMs();
}

/** Returns what ends the fault. */
function strikeProxy(fault: NetworkFault, proxy: TcpProxy): () => void {
  const untilDisposed = (lasting: Disposable) => () => lasting[Symbol.dispose]();
  switch (fault.kind) {
    case "delay":
      return untilDisposed(proxy.delay(fault.delayMs, fault.jitterMs));
    case "slice":
      return untilDisposed(proxy.slice(fault.sliceMaxBytes));
    case "refuse":
      return untilDisposed(proxy.refuse());
    case "half-open": {
      const silenced = proxy.halfOpen(fault.directions);
      return fault.ending === "resume" ? silenced.resume : silenced.reset;
    }
    case "truncate":
      proxy.truncate(fault.direction, fault.passBytes);
      return () => {};
    case "reset":
      proxy.reset();
      return () => {};
    default:
      return unreachable(fault);
  }
}
