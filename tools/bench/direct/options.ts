import { defaultLimits } from "../../../gen/ts/tidewire/v1/limits.js";
import { count, invalid, type OptionsOf } from "../flags.js";

const pairs = count("pairs", "pairs of users, all online", [1, 5_000], 1_000);
const generators = count("generators", "processes that share the load generator's work", [1, 64], 1);

export const directFlags = {
  pairs,
  messagesPerSecond: count("rate", "messages that all pairs together send in a second", [1, 100_000], 1_000),
  seconds: count("seconds", "how long a round lasts", [1, 600], 20),
  rounds: count("rounds", "rounds that count", [1, 1_000], 5),
  generators,
};
export type DirectOptions = OptionsOf<typeof directFlags>;

/** No limit of the server is raised for this one. */
export function checkRate({ pairs, messagesPerSecond }: { pairs: number; messagesPerSecond: number }): void {
  const { messageRatePerSecond } = defaultLimits;
  const rateMax = messageRatePerSecond * 2 * pairs;
  if (messagesPerSecond > rateMax)
    throw invalid(
      `--rate takes at most ${rateMax}: ${2 * pairs} users, who may send ${messageRatePerSecond} messages a second each`,
    );
}

export function checkDirect(options: DirectOptions): void {
  checkRate(options);
  if (options.generators > options.pairs) throw invalid("--generators takes no more than there are --pairs");
}
