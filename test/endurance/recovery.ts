import { type Quantiles, quantiles } from "../../tools/bench/figures/statistics.js";
import type { FaultKind } from "./fault.js";

/** A fault that happened, and when each device it concerned was well again. Times since the start of the run. */
export type Strike = Readonly<{
  number: number;
  kind: FaultKind;
  startedMs: number;
  /** When nothing more was done to anybody: a server that was killed may only now begin to start. */
  endedMs: number;
  /** By device: when it had sent and got back a message of its own and got one of another's. Undefined: never seen. */
  recoveredMs: ReadonlyMap<number, number | undefined>;
}>;

/** How long a fault's devices took to be well again. */
export type Recovery = Readonly<{
  number: number;
  kind: FaultKind;
  /**
   * Of the device that took longest: since the end of the fault, or of the last other one that struck the device before it was
   * well. Undefined if a device was never well again.
   */
  recoveryMs: number | undefined;
  /** Of the device that took longest: since the end of this fault, whatever else happened meanwhile. */
  sinceOwnEndMs: number | undefined;
}>;

/** Pure. */
export function measureRecoveries(strikes: readonly Strike[]): Recovery[] {
  const spells = new Map(devicesOf(strikes).map((device) => [device, toSpells(device, strikes)]));
  return strikes.map((strike) => {
    const { number, kind, endedMs, recoveredMs } = strike;
    const spellOf = (device: number) => spells.get(device)?.find((spell) => spell.strikes.includes(strike));
    const devices = [...recoveredMs.keys()];
    return {
      number,
      kind,
      recoveryMs: longest(devices.map((device) => toDurationMs(spellOf(device)))),
      sinceOwnEndMs: longest(
        [...recoveredMs.values()].map((atMs) => (atMs === undefined ? undefined : atMs - endedMs)),
      ),
    };
  });
}

/** Over all faults from which all devices recovered; undefined if there is none. */
export function recoveryQuantiles(recoveries: readonly Recovery[]): Quantiles | undefined {
  const known = recoveries.flatMap(({ recoveryMs }) => recoveryMs ?? []);
  return known.length === 0 ? undefined : quantiles(known.map((value) => ({ value, count: 1 })));
}

/** A time in which a device was not well: one fault, or several of which each came before it had recovered from the others. */
type Spell = { strikes: Strike[]; endedMs: number; recoveredMs: number };

function toSpells(device: number, strikes: readonly Strike[]): Spell[] {
  const own = strikes.filter(({ recoveredMs }) => recoveredMs.has(device));
  const spells: Spell[] = [];
  for (const strike of own.sort((one, other) => one.startedMs - other.startedMs)) {
    const recoveredMs = strike.recoveredMs.get(device) ?? Number.POSITIVE_INFINITY;
    const last = spells.at(-1);
    if (last === undefined || strike.startedMs > last.recoveredMs) {
      spells.push({ strikes: [strike], endedMs: strike.endedMs, recoveredMs });
    } else {
      last.strikes.push(strike);
      last.endedMs = Math.max(last.endedMs, strike.endedMs);
      last.recoveredMs = Math.max(last.recoveredMs, recoveredMs);
    }
  }
  return spells;
}

function toDurationMs(spell: Spell | undefined): number | undefined {
  if (spell === undefined || !Number.isFinite(spell.recoveredMs)) return undefined;
  return spell.recoveredMs - spell.endedMs;
}

/** Never less than nothing, for a device may be well before its fault is over. */
function longest(durationsMs: readonly (number | undefined)[]): number | undefined {
  if (durationsMs.length === 0) return undefined;
  return durationsMs.reduce<number | undefined>(
    (most, ms) => (most === undefined || ms === undefined ? undefined : Math.max(most, ms)),
    0,
  );
}

function devicesOf(strikes: readonly Strike[]): number[] {
  return [...new Set(strikes.flatMap(({ recoveredMs }) => [...recoveredMs.keys()]))];
}
