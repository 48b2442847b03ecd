import type { Counts } from "../engine/counts.js";
import type { Random } from "../engine/random.js";
import { type FaultKind, type FaultMix, type Incident, incidents, type Occasion, occasions } from "./fault-kinds.js";

/** What goes wrong, and how often it did. Each fault has chances of its own, so one that is left out changes no other. */
export interface Faults {
  /** True if this fault strikes now. */
  strikes(fault: Occasion): boolean;
  /** How long until this incident strikes again, in milliseconds; undefined if it never does. */
  nextInMs(incident: Incident): number | undefined;
  /** Counts what struck otherwise than through `strikes`. */
  count(fault: FaultKind): void;
  /** Where a fault draws its details from. */
  randomOf(fault: FaultKind): Random;
  /** Nothing strikes before this. */
  begin(): void;
  /** From now on nothing strikes. */
  end(): void;
}

export function createFaults(mix: FaultMix, options: { random: Random; counts: Counts }): Faults {
  const randoms = new Map<FaultKind, Random>();
  let active: FaultMix = {};

  function randomOf(fault: FaultKind): Random {
    const known = randoms.get(fault) ?? options.random.fork(fault);
    randoms.set(fault, known);
    return known;
  }

  return {
    strikes(fault) {
      const strength = active[fault];
      if (strength === undefined || strength === 0 || !randomOf(fault).chance(strength * occasions[fault]))
        return false;
      options.counts.add(`fault ${fault}`);
      return true;
    },
    nextInMs(incident) {
      const strength = active[incident];
      if (strength === undefined || strength === 0) return undefined;
      return (-Math.log(1 - randomOf(incident)()) * incidents[incident]) / strength;
    },
    count: (fault) => options.counts.add(`fault ${fault}`),
    randomOf,
    begin() {
      active = mix;
    },
    end() {
      active = {};
    },
  };
}
