import { count, type OptionsOf } from "../flags.js";
import { members, warmupRounds } from "../group/options.js";

export const pacedFlags = { members, rounds: count("rounds", "rounds that count", [1, 1_000], 40), warmupRounds };
export type PacedOptions = OptionsOf<typeof pacedFlags>;
