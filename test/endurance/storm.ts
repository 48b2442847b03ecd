import { sleep } from "../../runtime/clock.js";
import { seededRandom } from "../support/device-world.js";
import { type Chance, createChance } from "./chance.js";
import { describeFault, type Fault, isProcessFault } from "./fault.js";
import type { EnduranceOptions } from "./options.js";
import { type Followed, followRecovery } from "./probes.js";
import { toProgressLine } from "./progress.js";
import type { Strike } from "./recovery.js";
import { planFaults } from "./schedule.js";
import { concernedBy, strike } from "./strike.js";
import { keepVisiting } from "./visits.js";
import type { World } from "./world.js";

/** The time of the faults: they happen, and everybody goes on talking. */
export interface Storm {
  /** The faults so far. Their devices are still seen to recover. */
  readonly strikes: readonly Strike[];
  /** Resolves when the last fault is over and nobody talks of its own accord any more. Rejects if something cannot go on. */
  readonly over: Promise<void>;
  /** Resolves when all devices have recovered from all faults so far. */
  recovered(): Promise<void>;
}

type StormOptions = Pick<EnduranceOptions, "seed" | "faults" | "durationMs" | "pauseMs">;

const progressEveryMs = 5_000;

export function startStorm(world: World, options: StormOptions, progress: (line: string) => void): Storm {
  const storm = new RunningStorm(world, options, progress);
  return { strikes: storm.strikes, over: storm.run(), recovered: () => storm.recovered() };
}

class RunningStorm {
  readonly strikes: Followed[] = [];
  readonly #world: World;
  readonly #options: StormOptions;
  readonly #progress: (line: string) => void;
  readonly #chance: Chance;
  readonly #startMs: number;
  readonly #recoveries: Promise<void>[] = [];
  #active = 0;

  constructor(world: World, options: StormOptions, progress: (line: string) => void) {
    this.#world = world;
    this.#options = options;
    this.#progress = progress;
    this.#chance = createChance(seededRandom(options.seed + 1));
    this.#startMs = world.clock.monotonicMs();
  }

  async run(): Promise<void> {
    const { clock, crews, signal } = this.#world;
    const end = new AbortController();
    const untilEnd = AbortSignal.any([signal, end.signal]);
    const visits = keepVisiting(this.#world.population, { clock, chance: this.#chance, signal: untilEnd });
    const reports = this.#reportUntil(untilEnd);
    await crews.chatter(this.#options.pauseMs);
    try {
      await this.#inflictAll();
    } finally {
      end.abort();
      await Promise.all([visits, reports]);
    }
    await crews.hush();
  }

  /** Each at its time, but faults of processes one after the other. */
  async #inflictAll(): Promise<void> {
    const { population, crews } = this.#world;
    const { seed, faults, durationMs } = this.#options;
    const there = { devices: population.devices, crews: crews.all.length, groups: population.groups.length };
    let processes = Promise.resolve();
    const all = planFaults({ seed, faults, durationMs, ...there }).map((fault) => {
      if (!isProcessFault(fault)) return this.#inflict(fault);
      processes = processes.then(() => this.#inflict(fault));
      return processes;
    });
    await Promise.all([...all, this.#untilMs(durationMs)]);
  }

  async #inflict(fault: Fault): Promise<void> {
    await this.#untilMs(fault.atMs);
    this.#active += 1;
    const { number, kind } = fault;
    const startedMs = this.#world.clock.monotonicMs();
    const concerned = concernedBy(fault, this.#world);
    const recoveredMs = new Map(concerned.map((device): [number, undefined] => [device, undefined]));
    const followed: Followed = { number, kind, startedMs, endedMs: startedMs, recoveredMs };
    this.strikes.push(followed);
    this.#progress(`      ${describeFault(fault)}`);
    followed.endedMs = await strike(fault, this.#world);
    this.#active -= 1;
    const context = { world: this.#world, chance: this.#chance, others: this.strikes };
    this.#recoveries.push(followRecovery(followed, fault, context));
  }

  async recovered(): Promise<void> {
    await Promise.all(this.#recoveries);
  }

  async #untilMs(atMs: number): Promise<void> {
    const { clock, signal } = this.#world;
    await sleep(clock, Math.max(0, this.#startMs + atMs - clock.monotonicMs()), signal);
  }

  async #reportUntil(end: AbortSignal): Promise<void> {
    const { clock, crews } = this.#world;
    while (!end.aborted) {
      await sleep(clock, progressEveryMs, end).catch(() => {});
      const faults = { over: this.strikes.length - this.#active, active: this.#active };
      this.#progress(toProgressLine(clock.monotonicMs() - this.#startMs, faults, await crews.status()));
    }
  }
}
