import { unreachable } from "../../runtime/error.js";
import { seededRandom } from "../support/device-world.js";
import { type Chance, createChance } from "./chance.js";
import {
  type Direction,
  type Fault,
  type NetworkFault,
  networkFaults,
  type ProcessFault,
  processFaults,
} from "./fault.js";

/** What there is to break, and how often. */
export type ScheduleOptions = Readonly<{
  seed: number;
  /** All faults begin and, by plan, end within this time. */
  durationMs: number;
  faults: number;
  devices: number;
  crews: number;
  groups: number;
}>;

/** Of all faults, those of processes and the database; the others are the network's. More if there are few, for all kinds to occur. */
const processShare = 1 / 3;
const processShareMax = 1 / 2;
/** Of the whole time, what process faults may take. The rest is for what comes after each of them. */
const processTimeShare = 0.4;
/** Of the whole time, what one fault may take. */
const faultTimeShare = 0.25;
/** Of all devices, those that one fault of the network hits at most. */
const devicesShare = 0.15;

/**
 * Decides what goes wrong and when; the same for the same options. Every kind occurs if there are enough faults. Process faults
 * do not overlap; those of the network overlap with everything.
 */
export function planFaults(options: ScheduleOptions): Fault[] {
  const chance = createChance(seededRandom(options.seed));
  const most = Math.floor(options.faults * processShareMax);
  const processes = Math.max(Math.round(options.faults * processShare), Math.min(processFaults.length, most));
  const planned = [
    ...planProcessFaults(processes, options, chance),
    ...planNetworkFaults(options.faults - processes, options, chance),
  ];
  return planned.sort((one, other) => one.atMs - other.atMs).map((fault, index) => ({ ...fault, number: index + 1 }));
}

type Planned<Kind> = Kind & { atMs: number; durationMs: number };

function planProcessFaults(count: number, options: ScheduleOptions, chance: Chance): Planned<ProcessFault>[] {
  const faults = deal(processFaults, count, chance).map((kind) => toProcessFault(kind, options, chance));
  const wantedMs = faults.reduce((sum, { durationMs }) => sum + durationMs, 0);
  const scale = Math.min(1, (options.durationMs * processTimeShare) / Math.max(1, wantedMs));
  const gapMs = (options.durationMs - wantedMs * scale) / Math.max(1, count);
  let freeAtMs = 0;
  return faults.map(({ durationMs: wished, ...fault }) => {
    const durationMs = Math.floor(wished * scale);
    // Early in the gap, so that there is always time to recover.
    const atMs = Math.floor(freeAtMs + chance.between(0, Math.floor(gapMs / 4)));
    freeAtMs += gapMs + durationMs;
    return { ...fault, atMs, durationMs };
  });
}

function planNetworkFaults(count: number, options: ScheduleOptions, chance: Chance): Planned<NetworkFault>[] {
  return deal(networkFaults, count, chance).map((kind) => {
    const { durationMs: wished, ...fault } = toNetworkFault(kind, options, chance);
    const durationMs = Math.min(wished, Math.floor(options.durationMs * faultTimeShare));
    return { ...fault, durationMs, atMs: chance.between(0, options.durationMs - durationMs) };
  });
}

/** As from a deck of cards that is shuffled again each time it is used up. */
function deal<Kind>(kinds: readonly Kind[], count: number, chance: Chance): Kind[] {
  const dealt: Kind[] = [];
  while (dealt.length < count) dealt.push(...chance.sample(kinds, kinds.length));
  return dealt.slice(0, count);
}

function toProcessFault(
  kind: ProcessFault["kind"],
  { durationMs, crews, groups }: ScheduleOptions,
  chance: Chance,
): ProcessFault & { durationMs: number } {
  const atMost = (ms: number) => Math.min(ms, Math.floor(durationMs * faultTimeShare));
  switch (kind) {
    case "server-kill":
      return { kind, durationMs: chance.between(0, atMost(3_000)) };
    case "server-pause":
    case "database-pause":
      return { kind, durationMs: chance.between(1_000, Math.max(1_000, atMost(20_000))) };
    case "server-stop":
      return { kind, durationMs: chance.between(0, atMost(1_000)) };
    case "database-crash":
      return { kind, durationMs: chance.between(0, atMost(5_000)) };
    case "database-disconnect":
      return { kind, durationMs: 0 };
    case "row-lock":
      return { kind, durationMs: 2_000, group: chance.between(0, groups - 1) };
    case "crew-kill":
      return { kind, durationMs: chance.between(0, atMost(3_000)), crew: chance.between(0, crews - 1) };
    default:
      return unreachable(kind);
  }
}

const half: readonly (readonly Direction[])[] = [["up"], ["down"], ["up", "down"]];

function toNetworkFault(
  kind: NetworkFault["kind"],
  options: ScheduleOptions,
  chance: Chance,
): NetworkFault & { durationMs: number } {
  const all = Array.from({ length: options.devices }, (_, device) => device);
  const most = Math.max(1, Math.floor(options.devices * devicesShare));
  const devices = chance.sample(all, chance.between(1, most));
  switch (kind) {
    case "delay":
      return {
        kind,
        devices,
        durationMs: chance.between(2_000, 20_000),
        delayMs: chance.between(20, 1_500),
        jitterMs: chance.between(0, 1_000),
      };
    case "slice":
      return { kind, devices, durationMs: chance.between(2_000, 20_000), sliceMaxBytes: chance.between(1, 61) };
    case "truncate": {
      const direction = chance.pick(["up", "down"] as const);
      return { kind, devices, durationMs: 0, direction, passBytes: chance.between(1, 400) };
    }
    case "reset":
      return { kind, devices: chance.happens(0.25) ? all : devices, durationMs: 0 };
    case "half-open": {
      const ending = chance.pick(["resume", "reset"] as const);
      return { kind, devices, durationMs: chance.between(5_000, 60_000), directions: chance.pick(half), ending };
    }
    case "refuse":
      return { kind, devices, durationMs: chance.between(500, 10_000) };
    default:
      return unreachable(kind);
  }
}
