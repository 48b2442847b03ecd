import { sleep } from "../../runtime/clock.js";
import type { Chance } from "./chance.js";
import type { Fault } from "./fault.js";
import { type Group, homeOf, toPlace } from "./population.js";
import type { Strike } from "./recovery.js";
import type { World } from "./world.js";

/** A strike that is being followed: `recoveredMs` fills up. */
export type Followed = Strike & { endedMs: number; recoveredMs: Map<number, number | undefined> };

const retryMs = 100;

/**
 * Finds out when the devices that a fault concerned are well again: each sends a message, which must be stored and come back to
 * it, and must get one that somebody else sends to all. Resolves when all are, or have been killed meanwhile: those are taken
 * out, for the kill is a fault of its own.
 * @param others faults whose devices had better not be the ones that send to all
 */
export async function followRecovery(
  strike: Followed,
  fault: Fault,
  { world, chance, others }: { world: World; chance: Chance; others: readonly Followed[] },
): Promise<void> {
  const heralded = sayToAll(strike, { world, chance, others });
  heralded.catch(() => {}); // the run is stopped; each of those who wait for it hears of it
  await Promise.all([...strike.recoveredMs.keys()].map((device) => follow(device)));

  async function follow(device: number): Promise<void> {
    const { crews, clock } = world;
    const crew = crews.crewOf(device);
    const place = toPlace(probeGroup(fault, device, world));
    try {
      const holds = heralded.then((text) => crew.call("holds", { device, text }));
      await Promise.all([crew.call("probe", { device, place }), holds]);
      strike.recoveredMs.set(device, clock.monotonicMs());
    } catch {
      strike.recoveredMs.delete(device);
    }
  }
}

function probeGroup(fault: Fault, device: number, { population }: World): Group {
  const locked = fault.kind === "row-lock" ? population.groups[fault.group] : undefined;
  return locked ?? homeOf(population, device);
}

/** Tries until a device has the message in its outbox; from there it cannot be lost. */
async function sayToAll(
  strike: Strike,
  { world, chance, others }: { world: World; chance: Chance; others: readonly Followed[] },
): Promise<string> {
  const { crews, population } = world;
  const place = toPlace(population.square);
  for (;;) {
    world.signal.throwIfAborted();
    const device = chooseHerald(strike, { world, chance, others });
    const text = await crews
      .crewOf(device)
      .call("say", { device, place })
      .catch(() => undefined);
    if (text !== undefined) return text;
    await sleep(world.clock, retryMs, world.signal); // its crew is dead at the moment
  }
}

function chooseHerald(
  strike: Strike,
  { world, chance, others }: { world: World; chance: Chance; others: readonly Followed[] },
): number {
  const all = Array.from({ length: world.population.devices }, (_, device) => device);
  const isSick = ({ recoveredMs }: Strike, device: number) =>
    recoveredMs.has(device) && recoveredMs.get(device) === undefined;
  const free = all.filter((device) => !others.some((other) => other !== strike && isSick(other, device)));
  const outside = free.filter((device) => !strike.recoveredMs.has(device));
  return chance.pick([outside, free, all].find((choice) => choice.length > 0) ?? all);
}
