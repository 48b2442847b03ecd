import { count, invalid, type OptionsOf } from "../flags.js";

export const bigGroupFlags = {
  members: count("members", "members of the group, all online", [2, 15_000], 10_000),
  rounds: count("rounds", "rounds that count", [1, 1_000], 20),
  warmupRounds: count("warmup", "rounds before those, which are verified but not counted", [1, 1_000], 5),
  generators: count("generators", "processes that share the members", [1, 8], 2),
};
export type BigGroupOptions = OptionsOf<typeof bigGroupFlags>;

/** Sockets that a process may have, with a margin: more is not to be had everywhere. */
const socketsMax = 19_000;

/** Each member has two: its own, and one at the raw server. */
export function checkBigGroup({ members, generators }: BigGroupOptions): void {
  const generatorsMin = Math.ceil((2 * members) / socketsMax);
  if (generators < generatorsMin) throw invalid(`--generators takes at least ${generatorsMin} for ${members} members`);
  if (generators > members) throw invalid("--generators takes no more than there are --members");
}
