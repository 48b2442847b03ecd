import { count, type OptionsOf } from "../flags.js";

export const idsFlags = {
  ids: count("ids", "ids of a round", [1_000, 5_000_000], 2_000_000),
  rounds: count("rounds", "rounds that count", [1, 1_000], 11),
  warmupRounds: count("warmup", "rounds before those, which are verified but not counted", [1, 1_000], 2),
};
export type IdsOptions = OptionsOf<typeof idsFlags>;
