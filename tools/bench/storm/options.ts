import { checkRate } from "../direct/options.js";
import { count, invalid, type OptionsOf } from "../flags.js";

/** A server gives no more of its past to a device that has nothing: services/message/sync-plan.ts. */
const messagesMax = 200;

export const stormFlags = {
  devices: count("devices", "devices that all come at once", [1, 15_000], 5_000),
  groupMembers: count("members", "members of each of their groups", [1, 1_000], 50),
  messages: count("messages", "messages in the log of each group, which each device is to get", [1, messagesMax], 200),
  threads: count("threads", "service threads of the server that has some", [1, 16], 1),
  pairs: count("pairs", "pairs of users who write to each other meanwhile", [1, 5_000], 100),
  messagesPerSecond: count("rate", "messages that all pairs together send in a second", [1, 100_000], 200),
  rounds: count("rounds", "rounds that count, each with a storm on both servers", [1, 1_000], 5),
  logins: count("logins", "connections that may be about to log in at a time", [1, 15_000], 100),
  generators: count("generators", "processes that share the devices; the pairs have one of their own", [1, 8], 1),
};
export type StormOptions = OptionsOf<typeof stormFlags>;

export function checkStorm(options: StormOptions): void {
  checkRate(options);
  const { generators, devices, logins } = options;
  if (generators > devices) throw invalid("--generators takes no more than there are --devices");
  if (generators > logins) throw invalid("--generators takes no more than --logins");
}
