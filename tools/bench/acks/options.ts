import { count, type OptionsOf } from "../flags.js";
import { members, warmupRounds } from "../group/options.js";

export const acksFlags = { members, rounds: count("rounds", "rounds of each kind", [1, 1_000], 15), warmupRounds };
export type AcksOptions = OptionsOf<typeof acksFlags>;
