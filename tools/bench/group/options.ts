import { choice, count, type OptionsOf } from "../flags.js";

/** Of every scenario that is about one group whose members all send at once. */
export const members = count("members", "members of the group, all online", [2, 2_000], 500);
export const warmupRounds = count("warmup", "rounds before those, which are verified but not counted", [1, 1_000], 10);

export const groupFlags = {
  members,
  rounds: count("rounds", "rounds that count", [1, 1_000], 5),
  warmupRounds,
  acks: choice("acks", "whether members acknowledge while a round is measured", ["on", "off"], "on"),
};
export type GroupOptions = OptionsOf<typeof groupFlags>;
