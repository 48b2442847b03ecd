import { checkRate } from "../direct/options.js";
import { count, invalid, type OptionsOf } from "../flags.js";

export const lossFlags = {
  pairs: count("pairs", "pairs of users, all with the shipped client", [1, 1_000], 100),
  messagesPerSecond: count("rate", "messages that all pairs together send in a second", [1, 10_000], 200),
  dropEverySeconds: count("every", "seconds after which a connection is dropped, on average", [1, 600], 10),
  seconds: count("seconds", "how long a round lasts", [1, 3_600], 60),
  rounds: count("rounds", "rounds that count", [1, 1_000], 1),
  generators: count("generators", "processes that share the devices", [1, 64], 1),
};
export type LossOptions = OptionsOf<typeof lossFlags>;

export function checkLoss(options: LossOptions): void {
  checkRate(options);
  if (options.generators > options.pairs) throw invalid("--generators takes no more than there are --pairs");
}
